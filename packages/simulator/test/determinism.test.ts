import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { type Document, HOUR, identityOf, simulated } from "./instance.js";
import { presignedPath, signed, type Written } from "./signing.js";

const START = Date.UTC(2026, 10, 23, 12);
const TTL = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
const ROLE = "arn:aws:iam::123456789012:role/reader";

/** Everything that comes back over the socket, head and body, as it comes. */
async function bytes(url: string, { method, path, headers = {}, body = "" }: Written): Promise<string> {
  const { port, host } = new URL(url);
  const lines = Object.entries({
    host,
    ...headers,
    connection: "close",
    "content-length": String(Buffer.byteLength(body)),
  });
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), "", body].join("\r\n"),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

const bodyOf = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4);

/** A day in the life of a client of everything, and all that it was told. */
async function day(seed: number): Promise<string[]> {
  const clock = new VirtualClock({ startAt: START });
  const { simulator } = await simulated({
    clock,
    seed,
    instance: { lifeCycle: "spot" },
    instanceEvents: [{ event: "spot-interruption", atHours: 1 }],
    timeline: [{ fault: "credentials-revoked", fromHours: 2 }],
  });
  const told: string[] = [];
  const tell = async (url: string, written: Written) => {
    const answer = await bytes(url, written);
    told.push(`${written.method} ${written.path.split("?")[0]}\n${answer}`);
    return bodyOf(answer);
  };
  const { imdsUrl, s3Url, stsUrl, containerUrl } = simulator;
  const ecs = new URL(simulator.environment({ via: "ecs" }).AWS_CONTAINER_CREDENTIALS_FULL_URI ?? "").pathname;
  const podToken = await readFile(
    simulator.environment({ via: "eks" }).AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? "",
    "utf8",
  );
  const webToken = await readFile(
    simulator.environment({ via: "web-identity" }).AWS_WEB_IDENTITY_TOKEN_FILE ?? "",
    "utf8",
  );

  for (let hour = 0; hour < 4; hour++) {
    const token = await tell(imdsUrl, { method: "PUT", path: "/latest/api/token", headers: TTL });
    const headers = { "x-aws-ec2-metadata-token": token };
    const read = (path: string) => tell(imdsUrl, { method: "GET", path: `/latest/${path}`, headers });
    for (const path of ["", "meta-data/", "meta-data/iam/info", "meta-data/spot/instance-action", "nothing"])
      await read(path);
    for (const name of ["document", "signature", "pkcs7", "rsa2048"]) await read(`dynamic/instance-identity/${name}`);
    await tell(imdsUrl, { method: "GET", path: "/latest/meta-data/" });
    const document = JSON.parse(await read("meta-data/iam/security-credentials/evertoken-role")) as Document;
    const credentials = identityOf(document);

    await tell(containerUrl, { method: "GET", path: ecs });
    await tell(containerUrl, { method: "GET", path: "/v1/credentials", headers: { authorization: podToken } });
    await tell(containerUrl, { method: "GET", path: "/credentials" });

    const sts = async (fields: Record<string, string>, isSigned = true) => {
      const body = String(new URLSearchParams({ Version: "2011-06-15", ...fields }));
      const request = {
        method: "POST",
        path: "/",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body,
      };
      const how = { service: "sts", credentials, at: clock.now() } as const;
      return tell(stsUrl, isSigned ? await signed(stsUrl, request, how) : request);
    };
    await sts({ Action: "GetCallerIdentity" });
    await sts({ Action: "GetCallerIdentity" }, false);
    await sts({ Action: "AssumeRole", RoleArn: ROLE, RoleSessionName: "day" });
    const web = { RoleArn: ROLE, RoleSessionName: "day", WebIdentityToken: webToken };
    await sts({ Action: "AssumeRoleWithWebIdentity", ...web }, false);

    const s3 = async (method: string, path: string, body?: string) => {
      const request = { method, path, ...(body === undefined ? {} : { body }) };
      return tell(s3Url, await signed(s3Url, request, { service: "s3", credentials, at: clock.now() }));
    };
    await s3("PUT", `/reports/${hour}`, `of hour ${hour}`);
    await s3("GET", `/reports/${hour}`);
    await s3("GET", "/reports?list-type=2");
    await s3("POST", "/reports/large?uploads=");
    await s3("GET", "/reports/missing");
    await s3("DELETE", `/reports/${hour}`);
    await tell(s3Url, { method: "GET", path: "/" });
    await clock.advance(HOUR);
    if (hour === 0) await clock.advance(6 * HOUR);
  }
  told.push(JSON.stringify(simulator.journal.entries().map((entry) => ({ ...entry, path: entry.path.split("?")[0] }))));
  return told;
}

describe("the same seed, the same clock moved by hand and the same requests", () => {
  it("give the same answers, byte for byte, of all services", async () => {
    const [one, other] = [await day(5), await day(5)];

    expect(one.length).toBeGreaterThan(90);
    // Refusals and errors are among them, so are answers that were asked for with good credentials.
    expect(one.filter((answer) => /HTTP\/1.1 200/.test(answer)).length).toBeGreaterThan(60);
    expect(other).toEqual(one);
  });

  it("give others with another seed", async () => {
    const [one, other] = [await day(5), await day(6)];

    const differing = one.filter((answer, index) => answer !== other[index]);

    expect(differing.length).toBeGreaterThan(40);
  });
});

describe("a presigned request to STS", () => {
  const whoAmI = { method: "GET", path: "/?Action=GetCallerIdentity&Version=2011-06-15" };

  async function presigning() {
    const { simulator, imds, clock } = await simulated();
    const credentials = identityOf(await imds.credentials());
    const path = await presignedPath(simulator.stsUrl, whoAmI, { credentials, at: clock.now() });
    const send = async (changed = path) => {
      const answer = await bytes(simulator.stsUrl, { method: "GET", path: changed });
      return /<(?:Arn|Code)>([^<]*)</.exec(answer)?.[1];
    };
    return { simulator, clock, path, send };
  }

  it("tells whose it is, as `aws eks get-token` relies on", async () => {
    const { send, simulator } = await presigning();

    expect(await send()).toMatch(/:assumed-role\/evertoken-role\/i-/);
    expect(simulator.journal.entries().at(-1)).toMatchObject({ operation: "GetCallerIdentity", path: "/" });
  });

  it("is refused when it is changed, and after its time", async () => {
    const { send, path, clock } = await presigning();

    const changed = (from: string | RegExp, to: string) => send(path.replace(from, to));

    expect(await changed("X-Amz-Expires=60", "X-Amz-Expires=61")).toBe("SignatureDoesNotMatch");
    expect(await changed("X-Amz-Expires=60", "X-Amz-Expires=forever")).toBe("IncompleteSignature");
    expect(await changed("X-Amz-Expires=60", "X-Amz-Expires=604801")).toBe("IncompleteSignature");
    expect(await changed(/X-Amz-Date=\w+/, "X-Amz-Date=20269999T999999Z")).toBe("IncompleteSignature");
    expect(await changed("AWS4-HMAC-SHA256", "AWS3")).toBe("IncompleteSignature");
    await clock.advance(61_000);

    expect(await send()).toBe("SignatureDoesNotMatch");
  });
});
