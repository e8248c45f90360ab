// An Express service that keeps files in S3: uploads are streamed through, an overloaded pool becomes 503, a caller who
// hangs up ends the request to S3, and links never promise to live longer than the credentials behind them.
//
//     curl -T report.csv http://127.0.0.1:3000/files/report.csv
//     curl http://127.0.0.1:3000/files/report.csv
//     curl -X POST 'http://127.0.0.1:3000/files/report.csv/link?seconds=600'
//
// With Fastify the pool belongs into `app.decorate("s3", pool)`, and its end into `app.addHook("onClose", () => pool.close())`.

import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand, NoSuchKey, PutObjectCommand } from "@aws-sdk/client-s3";
import { InvalidInputError } from "@evertoken/core";
import { PoolOverloadedError } from "@evertoken/pool";
import { createS3Pool, UrlOutlivesCredentialsError } from "@evertoken/s3";
import express, { type ErrorRequestHandler, type Response } from "express";

// One pool for the process, made once. Not one per request.
const pool = createS3Pool({
  size: 20,
  maxInFlight: 10,
  // Who waits for a file has left after two seconds.
  queueTimeoutMs: 2000,
  forcePathStyle: true,
});
pool.on("replayed", ({ command, reason }) => console.log(`${command} replayed after ${reason}`));

/** Aborts when the caller hangs up before the answer is complete. */
function untilHungUp(response: Response): AbortSignal {
  const hungUp = new AbortController();
  response.on("close", () => response.writableFinished || hungUp.abort());
  return hungUp.signal;
}

const app = express();

app.put("/files/:name", async (request, response) => {
  const length = Number(request.headers["content-length"]);
  if (!Number.isInteger(length)) return void response.status(411).send("send a Content-Length\n");
  await pool.send(
    new PutObjectCommand({ Bucket: "files", Key: request.params.name, Body: request, ContentLength: length }),
    { abortSignal: untilHungUp(response) },
  );
  response.status(201).send("kept\n");
});

app.get("/files/:name", async (request, response) => {
  const { Body, ContentLength } = await pool.send(new GetObjectCommand({ Bucket: "files", Key: request.params.name }), {
    abortSignal: untilHungUp(response),
  });
  if (ContentLength !== undefined) response.set("content-length", String(ContentLength));
  await pipeline(Body as Readable, response);
});

app.post("/files/:name/link", async (request, response) => {
  const command = new GetObjectCommand({ Bucket: "files", Key: request.params.name });
  response.status(201).json({ url: await pool.presign(command, { expiresIn: Number(request.query.seconds ?? 300) }) });
});

app.get("/health", (_request, response) => {
  const { inFlight, queued, failed, replayed } = pool.stats();
  response.json({ inFlight, queued, failed, replayed });
});

const answerErrors: ErrorRequestHandler = (error, _request, response, _next) => {
  if (response.headersSent) response.destroy();
  else if (error instanceof NoSuchKey) response.status(404).send("no such file\n");
  else if (error instanceof InvalidInputError) response.status(400).send("seconds must be 1 to 604800\n");
  else if (error instanceof UrlOutlivesCredentialsError)
    response.status(422).send(`at most ${error.longestSeconds} seconds now\n`);
  // Nothing was sent to S3, so the caller may try again.
  else if (error instanceof PoolOverloadedError) response.status(503).set("retry-after", "1").send("busy\n");
  else {
    console.error(error);
    response.status(502).send("the storage did not answer as it should\n");
  }
};
app.use(answerErrors);

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

process.once("SIGTERM", () => {
  // First those who ask, then what they ask for: requests under way still need the pool.
  server.close(() => void pool.close());
});
