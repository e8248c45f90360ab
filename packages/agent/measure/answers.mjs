// How many credential answers a second the agent gives on one core, how fast, and what it costs in memory:
//   npm run measure:agent
// The agent runs in a process of its own, its log on; 64 connections ask from this one, each again when it is answered.
import { fork } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "@evertoken/agent";
import { fromImds } from "@evertoken/credentials";
import { startSimulator } from "@evertoken/simulator";

const CONNECTIONS = 64;
const ANSWERS = Number(process.argv[2] ?? 1_000_000);

if (process.send === undefined) await measure();
else await serve();

async function serve() {
  const [directory, imdsUrl] = process.argv.slice(2);
  const agent = await startAgent({ port: 0, adminPort: 0, directory, source: fromImds({ endpoint: imdsUrl }) });
  process.send({ url: agent.containerUrl, tokenFile: agent.tokenFile, readyMs: process.uptime() * 1000 });
  process.on("message", () => process.send({ rssMb: process.memoryUsage.rss() / 1e6, cpu: process.cpuUsage() }));
}

async function measure() {
  const directory = mkdtempSync(join(tmpdir(), "evertoken-measure-"));
  const simulator = await startSimulator();
  const log = openSync(join(directory, "log"), "w");
  const child = fork(new URL(import.meta.url), [directory, simulator.imdsUrl], {
    stdio: ["ignore", log, "inherit", "ipc"],
  });
  const next = () => new Promise((resolve) => child.once("message", resolve));
  const { url, tokenFile, readyMs } = await next();
  const token = readFileSync(tokenFile, "utf8");
  const host = new URL(url).host;
  const request = Buffer.from(
    `GET /v1/credentials HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${token}\r\nUser-Agent: measure\r\n\r\n`,
  );
  const latencies = [];
  let left = ANSWERS;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, () => client()));
  const seconds = (performance.now() - startedAt) / 1000;
  child.send("figures");
  const { rssMb, cpu } = await next();
  child.kill();
  await simulator.close();
  rmSync(directory, { recursive: true });
  latencies.sort((a, b) => a - b);
  const percentile = (p) => latencies[Math.floor(latencies.length * p)].toFixed(2);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  console.log(`${ANSWERS} answers at ${CONNECTIONS} connections, Node.js ${process.version}`);
  console.log(`answers per second       ${Math.round(ANSWERS / seconds)}`);
  console.log(`per second of its CPU    ${Math.round(ANSWERS / cpuSeconds)}`);
  console.log(`latency p50 / p99        ${percentile(0.5)} / ${percentile(0.99)} ms`);
  console.log(`process start to ready   ${Math.round(readyMs)} ms`);
  console.log(`RSS afterwards           ${rssMb.toFixed(0)} MB`);

  function client() {
    return new Promise((resolve, reject) => {
      const socket = connect(new URL(url).port, "127.0.0.1");
      socket.setNoDelay(true);
      let sentAt = 0;
      let received = 0;
      let length = 0;
      const ask = () => {
        if (left-- <= 0) {
          socket.end();
          return resolve();
        }
        sentAt = performance.now();
        socket.write(request);
      };
      socket.on("data", (chunk) => {
        if (received === 0) {
          const text = chunk.toString("latin1");
          if (!text.startsWith("HTTP/1.1 200")) return reject(new Error(text));
          length = text.indexOf("\r\n\r\n") + 4 + Number(/content-length: (\d+)/i.exec(text)[1]);
        }
        received += chunk.length;
        if (received < length) return;
        received = 0;
        latencies.push(performance.now() - sentAt);
        ask();
      });
      socket.on("error", reject);
      socket.on("connect", ask);
    });
  }
}
