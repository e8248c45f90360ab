// What being observed costs a pool: requests a second, CPU time and latencies with and without `observe`, in the same process. The
// simulator has a process of its own. Run nothing else. Nine minutes; SECONDS sets those of each lane, LANES which (`fast;SDK`).
//
// Very short turns, each way once and then once more in the opposite order, make a round: what drifts hits all ways alike. A control
// is not observed either: what it differs from the turns without is what this measurement cannot tell from nothing. Scrapes are
// outside of the turns and told of apart: a Prometheus comes every 15 seconds, not every twentieth of one.
//
// Throughput and CPU time are compared within each round; given is the mean without the outer tenths. Latencies are those of all
// turns together, because a turn is too short for a 99th percentile. Intervals resample blocks of rounds: neighbours are alike.
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

const SECONDS = Number(process.env.SECONDS ?? 175);
/** Turns of some fifty milliseconds. */
const REQUESTS = { fast: 320, SDK: 80, "SDK, no network": 120 };
const LANES = process.env.LANES?.split(";") ?? Object.keys(REQUESTS);
/** Before each turn, not measured: whatever is done once for what has begun to be observed is done. */
const BEFORE = 32;
/** The first rounds compile. */
const WARM_UP = 20;
/** What at most may be lost. */
const BOUND = 0.02;
const CONCURRENCY = 32;
const BODY = Buffer.alloc(4096, 1);
const BLOCKS = 40;
const RESAMPLES = 1000;

async function measure() {
  const child = fork(import.meta.filename, { env: { ...process.env, SIMULATOR: "1" } });
  const [{ imdsUrl, s3Url }] = await once(child, "message");
  console.log(`Node.js ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(2)}`);
  console.log(`PutObject of 4 KiB, ${CONCURRENCY} at a time, ${SECONDS} s for each lane\n`);
  console.log("| lane | | requests a second | CPU a request | p50 | p99 |\n|---|---|---|---|---|---|");
  const metrics = await exportMetrics({ prometheus: { port: 0 } });
  const verdicts = [];
  let scrape;
  const keeper = createKeeper({ source: fromImds({ endpoint: imdsUrl }) });
  for (const lane of LANES) {
    const pool = poolFor(lane, keeper, s3Url);
    verdicts.push(report(lane, await byTurns(pool, metrics, REQUESTS[lane])));
    scrape ??= await scrapeMs(pool, metrics);
    await pool.close();
  }
  console.log(`\n${verdicts.join("\n")}\n\nA scrape takes ${scrape.toFixed(2)} ms.`);
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
  const names = ["without", "observed", "control"];
  const turn = async (way) => {
    const stop = way === "observed" ? observe(pool, { meterProvider: metrics.meterProvider }) : () => {};
    await load(pool, BEFORE);
    const told = await load(pool, requests);
    stop();
    return told;
  };
  const rounds = [];
  const until = performance.now() + 1000 * SECONDS;
  for (let round = 0; round < WARM_UP + BLOCKS || performance.now() < until; round++) {
    // Each stands in each place equally often.
    const first = [0, 1, 2].map((place) => names[(round + place) % 3]);
    const turns = { without: [], observed: [], control: [] };
    for (const way of [...first, ...first.toReversed()]) turns[way].push(await turn(way));
    await metrics.scrape();
    if (round >= WARM_UP) rounds.push(Object.fromEntries(names.map((name) => [name, together(turns[name])])));
  }
  return rounds;
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
  return {
    perSecond: sum("requests") / sum("seconds"),
    cpu: sum("cpu") / sum("requests"),
    latencies: turns.flatMap((turn) => turn.latencies),
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

/** @returns the verdict. */
function report(lane, rounds) {
  const blocks = inBlocks(rounds);
  const row = (name, cells) => console.log(`| ${lane} | ${name} | ${cells.join(" | ")} |`);
  const ms = (value) => `${value.toFixed(2)} ms`;
  for (const way of ["without", "observed", "control"]) {
    const [perSecond, cpu] = ["perSecond", "cpu"].map((figure) => quantile(of(rounds, way, figure), 0.5));
    const [p50, p99] = pooledQuantiles(blocks, way);
    row(way, [perSecond.toFixed(0), `${cpu.toFixed(1)} µs`, ms(p50), ms(p99)]);
  }
  const told = {};
  for (const way of ["observed", "control"]) {
    told[way] = intervals(blocks, way);
    row(`${way} / without`, Object.values(told[way]).map(words));
  }
  return verdict(lane, rounds.length, told);
}

function verdict(lane, rounds, { observed: { perSecond, cpu, p99 }, control }) {
  const judged = (holds, breaks) => (holds ? "holds" : breaks ? "is broken" : "cannot be told");
  const throughput = judged(perSecond.low > -BOUND, perSecond.high < -BOUND);
  const time = judged(cpu.high < BOUND, cpu.low > BOUND);
  const isTold = p99.low > 0 && p99.middle > control.p99.high;
  const bound = `${100 * BOUND} %`;
  return `${lane}, ${rounds} rounds: at most ${bound} of throughput lost ${throughput}; at most ${bound} more CPU time ${time}; a p99 that is worse ${isTold ? "can" : "cannot"} be told.`;
}

function words({ low, middle, high }) {
  const percent = (ratio) => `${ratio > 0 ? "+" : ""}${(100 * ratio).toFixed(1)}`;
  return `${percent(middle)} % (${percent(low)} to ${percent(high)})`;
}

/** 95 %, by resampling the blocks. */
function intervals(blocks, way) {
  const resampled = Array.from({ length: RESAMPLES }, () =>
    differences(
      blocks.map(() => blocks[Math.floor(Math.random() * blocks.length)]),
      way,
    ),
  );
  return Object.fromEntries(
    Object.entries(differences(blocks, way)).map(([figure, middle]) => {
      const found = resampled.map((difference) => difference[figure]);
      return [figure, { low: quantile(found, 0.025), middle, high: quantile(found, 0.975) }];
    }),
  );
}

/** How much more each figure is than without. */
function differences(blocks, way) {
  const rounds = blocks.flatMap((block) => block.rounds);
  const within = (figure) => trimmedMean(rounds.map((round) => round[way][figure] / round.without[figure] - 1));
  const [p50, p99] = pooledQuantiles(blocks, way);
  const [p50Without, p99Without] = pooledQuantiles(blocks, "without");
  return { perSecond: within("perSecond"), cpu: within("cpu"), p50: p50 / p50Without - 1, p99: p99 / p99Without - 1 };
}

/** Latencies by buckets half a per cent wide: they are added up thousands of times. */
const WIDTH = Math.log(1.005);
const FIRST_MS = 0.01;
const BUCKETS = 4096;

/** Rounds that stood side by side, with their latencies counted. */
function inBlocks(rounds) {
  const size = Math.ceil(rounds.length / BLOCKS);
  return Array.from({ length: Math.ceil(rounds.length / size) }, (_, block) => {
    const own = rounds.slice(block * size, (block + 1) * size);
    const counted = (way) => {
      const counts = new Uint32Array(BUCKETS);
      for (const latency of own.flatMap((round) => round[way].latencies)) {
        counts[Math.max(0, Math.round(Math.log(latency / FIRST_MS) / WIDTH))] += 1;
      }
      return counts;
    };
    return { rounds: own, without: counted("without"), observed: counted("observed"), control: counted("control") };
  });
}

/** The 50th and the 99th percentile of all turns together. */
function pooledQuantiles(blocks, way) {
  const counts = new Uint32Array(BUCKETS);
  for (const { [way]: own } of blocks) for (let bucket = 0; bucket < BUCKETS; bucket++) counts[bucket] += own[bucket];
  const all = counts.reduce((sum, count) => sum + count, 0);
  return [0.5, 0.99].map((q) => {
    let left = q * all;
    const bucket = counts.findIndex((count) => {
      left -= count;
      return left < 0;
    });
    return FIRST_MS * Math.exp(bucket * WIDTH);
  });
}

const of = (rounds, way, figure) => rounds.map((round) => round[way][figure]);

/** Without the outer tenths, in which something else was going on. */
function trimmedMean(numbers) {
  const sorted = Float64Array.from(numbers).sort();
  const inner = sorted.subarray(Math.floor(0.1 * sorted.length), Math.ceil(0.9 * sorted.length));
  return inner.reduce((sum, number) => sum + number, 0) / inner.length;
}

function quantile(numbers, q) {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

if (process.env.SIMULATOR) {
  // However the other process ended.
  process.once("disconnect", () => process.exit());
  const simulator = await startSimulator();
  process.send({ imdsUrl: simulator.imdsUrl, s3Url: simulator.s3Url });
} else await measure();
