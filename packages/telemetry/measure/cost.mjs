// What being observed costs a pool: requests a second, CPU time and latencies with and without `observe`, in the same process and
// by turns, with an SDK whose figures are scraped in each turn. The simulator has a process of its own. Run nothing else.
//
// A control is not observed either: what it differs from the turns without is what this measurement cannot tell from nothing.
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

const TURNS = Number(process.env.TURNS ?? 100);
/** Turns of some tenths of a second in either lane. */
const REQUESTS = { fast: 3000, SDK: 500 };
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
  console.log(`PutObject of 4 KiB, ${CONCURRENCY} at a time, ${TURNS} rounds of turns of some tenths of a second\n`);
  console.log("| lane | | requests a second | CPU a request | p50 | p99 |\n|---|---|---|---|---|---|");
  const metrics = await exportMetrics({ prometheus: { port: 0 } });
  const keeper = createKeeper({ source: fromImds({ endpoint: imdsUrl }) });
  for (const [lane, requests] of Object.entries(REQUESTS)) {
    const options = { region: "us-east-1", endpoint: s3Url, forcePathStyle: true, keeper, fastLane: lane === "fast" };
    const pool = createS3Pool(options);
    report(lane, await byTurns(pool, metrics, requests));
    await pool.close();
  }
  await metrics.close();
  keeper.close();
  child.kill();
}

/** Rounds of a turn each, whose order changes; the first few compile. */
async function byTurns(pool, metrics, requests) {
  const found = { without: [], observed: [], control: [] };
  const ways = {
    without: () => load(pool, requests),
    async observed() {
      const stop = observe(pool, { meterProvider: metrics.meterProvider });
      // One scrape a turn: many more than a Prometheus that comes every 15 seconds.
      const told = await load(pool, requests, () => metrics.scrape());
      stop();
      return told;
    },
    control: () => load(pool, requests),
  };
  const names = Object.keys(ways);
  for (let turn = -6; turn < TURNS; turn++) {
    // Each stands in each place equally often, behind each of the others.
    const order = [0, 1, 2].map((place) => names[(turn + 6 + (turn % 2 === 0 ? place : 2 - place)) % 3]);
    for (const way of order) {
      const told = await ways[way]();
      if (turn >= 0) found[way].push(told);
    }
  }
  return found;
}

async function load(pool, requests, meanwhile) {
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
  await Promise.all([...Array.from({ length: CONCURRENCY }, worker), meanwhile?.()]);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: requests / seconds,
    cpu: (user + system) / requests,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
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
