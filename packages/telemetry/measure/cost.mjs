// What being observed costs a pool: requests a second, CPU time and latencies with and without `observe`, in the same process. The
// simulator has a process of its own. Run nothing else.
//
// Short turns, each way once and then once more in the opposite order, make a round: what drifts hits all ways alike. Ratios are taken
// within a round. A control is not observed either: what it differs from the turns without is what this measurement cannot tell from
// nothing. Scrapes are outside of the turns and told of apart: a Prometheus comes every 15 seconds, not every tenth of one.
//
//     npm run measure:telemetry

import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createClientPool } from "@evertoken/pool";
import { createS3Pool } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { observe } from "@evertoken/telemetry";
import { exportMetrics } from "@evertoken/telemetry/export";

const ROUNDS = Number(process.env.ROUNDS ?? 200);
/** Turns of a tenth of a second in either lane. */
const REQUESTS = { fast: 800, SDK: 200, "SDK, no network": 300 };
const LANES = process.env.LANES?.split(";") ?? Object.keys(REQUESTS);
/** The first rounds compile. */
const WARM_UP = 8;
const CONCURRENCY = 32;
const BODY = Buffer.alloc(4096, 1);
const FIGURES = ["perSecond", "cpu", "p50", "p99"];

if (process.env.SIMULATOR) {
  const simulator = await startSimulator();
  process.send({ imdsUrl: simulator.imdsUrl, s3Url: simulator.s3Url });
} else await measure();

async function measure() {
  const child = fork(import.meta.filename, { env: { ...process.env, SIMULATOR: "1" } });
  const [{ imdsUrl, s3Url }] = await once(child, "message");
  console.log(`Node.js ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(2)}`);
  console.log(
    `PutObject of 4 KiB, ${CONCURRENCY} at a time, ${ROUNDS} rounds of twice a tenth of a second for each way\n`,
  );
  console.log("| lane | | requests a second | CPU a request | p50 | p99 |\n|---|---|---|---|---|---|");
  const metrics = await exportMetrics({ prometheus: { port: 0 } });
  let scrape;
  const keeper = createKeeper({ source: fromImds({ endpoint: imdsUrl }) });
  for (const lane of LANES) {
    const pool = poolFor(lane, keeper, s3Url);
    report(lane, await byTurns(pool, metrics, REQUESTS[lane]));
    scrape ??= await scrapeMs(pool, metrics);
    await pool.close();
  }
  console.log(`\nA scrape takes ${scrape.toFixed(2)} ms.`);
  await metrics.close();
  keeper.close();
  child.kill();
}

/** Without a network there is nothing but this process's own work, and less that makes it unsteady. */
function poolFor(lane, keeper, endpoint) {
  const common = { region: "us-east-1", forcePathStyle: true };
  if (lane !== "SDK, no network") return createS3Pool({ ...common, endpoint, keeper, fastLane: lane === "fast" });
  const requestHandler = { handle: async () => ({ response: { statusCode: 200, headers: { etag: '"e"' } } }) };
  const create = ({ credentials }) => new S3Client({ ...common, endpoint, credentials, requestHandler });
  return createClientPool({ size: 100, keeper, create });
}

/** Each way twice in a round. */
async function byTurns(pool, metrics, requests) {
  const found = { without: [], observed: [], control: [] };
  const ways = {
    without: () => load(pool, requests),
    async observed() {
      const stop = observe(pool, { meterProvider: metrics.meterProvider });
      const told = await load(pool, requests);
      stop();
      return told;
    },
    control: () => load(pool, requests),
  };
  const names = Object.keys(ways);
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // Each stands in each place equally often.
    const first = [0, 1, 2].map((place) => names[(round + WARM_UP + place) % 3]);
    const turns = { without: [], observed: [], control: [] };
    for (const way of [...first, ...first.toReversed()]) turns[way].push(await ways[way]());
    await metrics.scrape();
    if (round >= 0) for (const name of names) found[name].push(together(turns[name]));
  }
  return found;
}

async function load(pool, requests) {
  const latencies = [];
  let sent = 0;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const worker = async () => {
    while (sent < requests) {
      const command = new PutObjectCommand({ Bucket: "bench", Key: `key-${sent++ % 100}`, Body: BODY });
      const from = performance.now();
      await pool.send(command);
      latencies.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { requests, seconds, cpu: user + system, latencies };
}

/** The turns of one way in one round. */
function together(turns) {
  const sum = (figure) => turns.reduce((total, turn) => total + turn[figure], 0);
  const latencies = turns.flatMap((turn) => turn.latencies);
  return {
    perSecond: sum("requests") / sum("seconds"),
    cpu: sum("cpu") / sum("requests"),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

/** What a scrape takes, with a pool and its Keeper observed. */
async function scrapeMs(pool, metrics) {
  const stop = observe(pool, { meterProvider: metrics.meterProvider });
  await load(pool, 200);
  const durations = [];
  for (let scrape = 0; scrape < 100; scrape++) {
    const from = performance.now();
    await metrics.scrape();
    durations.push(performance.now() - from);
  }
  stop();
  return quantile(durations, 0.5);
}

function report(lane, found) {
  const row = (name, cells) => console.log(`| ${lane} | ${name} | ${cells.join(" | ")} |`);
  const ms = (value) => `${value.toFixed(2)} ms`;
  const percent = (ratio) => `${ratio > 0 ? "+" : ""}${(100 * ratio).toFixed(1)}`;
  for (const [name, turns] of Object.entries(found)) {
    const middle = (figure) => turns.map((turn) => turn[figure]);
    const [perSecond, cpu, p50, p99] = FIGURES.map((figure) => quantile(middle(figure), 0.5));
    row(name, [perSecond.toFixed(0), `${cpu.toFixed(1)} µs`, ms(p50), ms(p99)]);
  }
  // Turns of a round stood side by side: whatever else the host did hits all of them.
  for (const name of ["observed", "control"]) {
    const told = FIGURES.map((figure) => {
      const [low, middle, high] = interval(
        found[name].map((turn, round) => turn[figure] / found.without[round][figure] - 1),
      );
      return `${percent(middle)} % (${percent(low)} to ${percent(high)})`;
    });
    row(`${name} / without`, told);
  }
}

/** The median between the ends of its 95 % confidence interval, by order statistics. */
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
