// What being observed costs a pool: requests a second and their 99th percentile with and without `observe`, in the same process
// and by turns, with an SDK whose figures are scraped meanwhile. The simulator has a process of its own. Run nothing else.
//
//     npm run measure:telemetry

import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createS3Pool } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { observe } from "@evertoken/telemetry";
import { exportMetrics } from "@evertoken/telemetry/export";

const TURNS = Number(process.env.TURNS ?? 60);
const REQUESTS = 2000;
const CONCURRENCY = 32;
const BODY = Buffer.alloc(4096, 1);

if (process.env.SIMULATOR) {
  const simulator = await startSimulator();
  process.send({ imdsUrl: simulator.imdsUrl, s3Url: simulator.s3Url });
} else await measure();

async function measure() {
  const child = fork(import.meta.filename, { env: { ...process.env, SIMULATOR: "1" } });
  const [{ imdsUrl, s3Url }] = await once(child, "message");
  console.log(`Node.js ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(2)}`);
  console.log(`PutObject of 4 KiB, ${CONCURRENCY} at a time, ${TURNS} turns of ${REQUESTS} requests each\n`);
  console.log("| lane | | requests a second | CPU a request | p50 | p99 |\n|---|---|---|---|---|---|");
  const metrics = await exportMetrics({ prometheus: { port: 0 } });
  const keeper = createKeeper({ source: fromImds({ endpoint: imdsUrl }) });
  for (const fastLane of [true, false]) {
    const pool = createS3Pool({ region: "us-east-1", endpoint: s3Url, forcePathStyle: true, keeper, fastLane });
    report(fastLane ? "fast" : "SDK", await byTurns(pool, metrics));
    await pool.close();
  }
  await metrics.close();
  keeper.close();
  child.kill();
}

/** Turns with and without, in pairs whose order changes; the first few compile. */
async function byTurns(pool, metrics) {
  const found = { without: [], observed: [] };
  for (let turn = -6; turn < TURNS; turn++) {
    for (const way of turn % 2 === 0 ? ["without", "observed"] : ["observed", "without"]) {
      const stop = way === "observed" ? observe(pool, { meterProvider: metrics.meterProvider }) : () => {};
      const told = await load(
        pool,
        way === "observed" ? () => fetch(metrics.url).then((answer) => answer.text()) : async () => {},
      );
      stop();
      if (turn >= 0) found[way].push(told);
    }
  }
  return found;
}

async function load(pool, scrape) {
  const latencies = [];
  let sent = 0;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const worker = async () => {
    while (sent < REQUESTS) {
      const command = new PutObjectCommand({ Bucket: "bench", Key: `key-${sent++ % 100}`, Body: BODY });
      const from = performance.now();
      await pool.send(command);
      latencies.push(performance.now() - from);
    }
  };
  // A turn lasts about as long as Prometheus waits between two scrapes of a busy process at the least.
  await Promise.all([...Array.from({ length: CONCURRENCY }, worker), scrape()]);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: REQUESTS / seconds,
    cpu: (user + system) / REQUESTS,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

function report(lane, { without, observed }) {
  const row = (name, of, digits) => {
    const [perSecond, cpu, p50, p99] = of;
    const cells = [perSecond.toFixed(0), `${cpu.toFixed(0)} µs`, `${p50.toFixed(2)} ms`, `${p99.toFixed(2)} ms`];
    console.log(`| ${lane} | ${name} | ${(digits ?? cells).join(" | ")} |`);
  };
  const KEYS = ["perSecond", "cpu", "p50", "p99"];
  row(
    "without",
    KEYS.map((key) =>
      quantile(
        without.map((turn) => turn[key]),
        0.5,
      ),
    ),
  );
  row(
    "observed",
    KEYS.map((key) =>
      quantile(
        observed.map((turn) => turn[key]),
        0.5,
      ),
    ),
  );
  // Of pairs of turns, which stood side by side: whatever else the host did hits both.
  const change = KEYS.map((key) => {
    const ratios = observed.map((turn, index) => turn[key] / without[index][key] - 1);
    const [low, middle, high] = interval(ratios);
    const percent = (ratio) => `${ratio > 0 ? "+" : ""}${(100 * ratio).toFixed(1)}`;
    return `${percent(middle)} % (${percent(low)} to ${percent(high)})`;
  });
  row(
    "change",
    KEYS.map(() => 0),
    change,
  );
}

/** The median with its 95 % confidence interval, by order statistics. */
function interval(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const spread = (1.96 * Math.sqrt(sorted.length)) / 2;
  const at = (index) => sorted[Math.max(0, Math.min(sorted.length - 1, Math.round(index)))];
  return [at(sorted.length / 2 - spread - 1), at((sorted.length - 1) / 2), at(sorted.length / 2 + spread)];
}

function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
