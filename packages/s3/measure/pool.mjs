// What a pool gives and costs, beside clients of the stock SDK, in the same run and by turns:
//   - latency of a 4 KiB PutObject around credential rotations, with an IMDS that takes 900 ms for each answer;
//   - memory of each further pool of 100 clients in use, and of each further 100 stock clients;
//   - CPU time of `pool.send` over `client.send`, for SDK clients that are alike.
// The simulator has a process of its own, so none of its work is counted. Run nothing else meanwhile.
//
//     npm run measure:pool [-- latency | memory | cpu]

import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createClientPool } from "@evertoken/pool";
import { createS3Pool } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const CLIENTS = 100;
/** Hundreds of clients whose memory is read, after the first. */
const FURTHER = 4;
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROTATION_MS = 10_000;
const BODY = Buffer.alloc(4096, 1);

const { READING: reading, LANE: lane, S3_URL: endpoint, IMDS_URL: imdsUrl } = process.env;
const common = { region: "us-east-1", endpoint, forcePathStyle: true };

const put = (index) => new PutObjectCommand({ Bucket: "bench", Key: `key-${index % 100}`, Body: BODY });
// Without jitter, so that both lanes meet the rotation at the same moment.
const newKeeper = () => createKeeper({ source: fromImds({ endpoint: imdsUrl }), random: () => 0.5 });

function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
const median = (numbers) => quantile(numbers, 0.5);

/** Between which two of the numbers the median lies with a certainty of 95 %, whatever they are spread like. */
function medianInterval(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const reach = 0.98 * Math.sqrt(sorted.length);
  const at = (rank) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(rank)))];
  return [at(sorted.length / 2 - reach - 1), at(sorted.length / 2 + reach)];
}

/** What sends requests in this process's lane: a pool, or as many stock clients in turn. */
function senderOf(size) {
  if (lane === "evertoken") {
    const pool = createS3Pool({ ...common, size, keeper: newKeeper() });
    return { send: (index) => pool.send(put(index)), created: () => pool.stats().created };
  }
  const clients = Array.from({ length: size }, () => new S3Client(common));
  return { send: (index) => clients[index % size].send(put(index)), created: () => size };
}

/** `concurrency` requests at a time until `isOver`; tells `each` when one began and how long it took. */
async function load(send, concurrency, isOver, each = () => {}) {
  let index = 0;
  const worker = async () => {
    while (!isOver(index)) {
      const [startedAt, from] = [Date.now(), performance.now()];
      await send(index++);
      each(startedAt, performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

const readings = {
  /** Latencies in the 3.5 seconds after each of three rotations, and in the calm before the next. */
  async latency() {
    const { send } = senderOf(CLIENTS);
    await load(send, 16, (index) => index >= 1000);
    const until = Date.now() + 3 * ROTATION_MS;
    const [calm, rotating] = [[], []];
    const sort = (startedAt, ms) => {
      const since = (startedAt - Number(process.env.STARTED_AT)) % ROTATION_MS;
      if (since < 3500) rotating.push(ms);
      else if (since > 5000 && since < 9000) calm.push(ms);
    };
    await load(send, 16, () => Date.now() >= until, sort);
    return {
      p50: median(calm),
      calm: quantile(calm, 0.99),
      rotating: quantile(rotating, 0.99),
      longest: quantile(rotating, 1),
    };
  },

  /**
   * What each further hundred clients add to a process in which one, and then a hundred, have done the same work: code and
   * its compilation are not counted, and what V8 sets aside matters less than for one hundred.
   */
  async memory() {
    const concurrency = Number(process.env.CONCURRENCY);
    const senders = [senderOf(1)];
    await load(senders[0].send, concurrency, (index) => index >= 3000);
    const held = [];
    while (held.length <= FURTHER) {
      const hundred = senderOf(CLIENTS);
      await load(hundred.send, concurrency, (index) => index >= 1000);
      senders.push(hundred);
      held.push(await memoryHeld());
    }
    const added = (name) => (held.at(-1)[name] - held[0][name]) / FURTHER;
    return { heap: added("heap"), rss: added("rss"), created: senders.at(-1).created() };
  },

  /** By short turns in one process, in pairs: whatever else the host does, hits both of a pair alike. */
  async cpu() {
    const keeper = newKeeper();
    const create = () => new S3Client({ ...common, credentials: keeper.provider, requestHandler });
    const requestHandler = new NodeHttpHandler();
    const lanes = { client: create(), pool: createClientPool({ size: CLIENTS, keeper, create }) };
    const spent = { client: [], pool: [] };
    for (let turn = 0; turn < 80; turn++) {
      for (const name of turn % 2 === 0 ? ["client", "pool"] : ["pool", "client"]) {
        const before = process.cpuUsage();
        await load(
          (index) => lanes[name].send(put(index)),
          16,
          (index) => index >= 300,
        );
        const { user, system } = process.cpuUsage(before);
        // The first turns compile.
        if (turn >= 20) spent[name].push((user + system) / 300);
      }
    }
    return { ...spent, ratio: spent.pool.map((pool, pair) => pool / spent.client[pair]) };
  },

  async simulator() {
    const credentialLifetimeMs = 300_000 + ROTATION_MS;
    const simulator = await startSimulator({ credentialLifetimeMs, rotationIntervalMs: ROTATION_MS });
    if (process.env.IMDS_DELAY_MS) simulator.fault("imds-slow", { delayMs: Number(process.env.IMDS_DELAY_MS) });
    return { S3_URL: simulator.s3Url, IMDS_URL: simulator.imdsUrl, STARTED_AT: String(Date.now()) };
  },
};

async function memoryHeld() {
  for (let turn = 0; turn < 10; turn++) {
    globalThis.gc();
    await pause(20);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / 1e6, heap: (heapUsed + external) / 1e6 };
}

/** V8 widens the young generation as it sees fit, by more than all the clients weigh: where memory is read, it stays as it is. */
const FLAGS = { memory: ["--max-semi-space-size=1"] };

/** Takes one reading in a process of its own. */
async function read(READING, env = {}) {
  const child = fork(import.meta.filename, {
    env: { ...process.env, ...env, READING },
    execArgv: ["--expose-gc", "--no-warnings", ...(FLAGS[READING] ?? [])],
  });
  const [told] = await once(child, "message");
  return { told, child };
}

/** The readings of all lanes, by turns; the first lane of a round is another each time. */
async function rounds(READING, lanes, env) {
  const found = lanes.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < lanes.length; turn++) {
      const index = (round + turn) % lanes.length;
      const { told, child } = await read(READING, { ...env, LANE: lanes[index] });
      child.kill();
      found[index].push(told);
    }
  }
  return found.map((told) => (name) => median(told.map((one) => one[name])));
}

const LANES = ["evertoken", "stock"];
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const ms = (value) => `${value.toFixed(1)} ms`;

const tables = {
  async latency(env) {
    row("PutObject 4 KiB, 16 at a time", "calm p50", "calm p99", "p99 around a rotation", "times calm", "longest");
    row(..."------".split(""));
    (await rounds("latency", LANES, env)).forEach((of, index) => {
      const times = (of("rotating") / of("calm")).toFixed(2);
      row(LANES[index], ms(of("p50")), ms(of("calm")), ms(of("rotating")), times, ms(of("longest")));
    });
  },

  async memory(env) {
    row("100 clients in use", "requests at a time", "members", "heap and buffers", "RSS");
    row(..."-----".split(""));
    for (const CONCURRENCY of ["16", "100"]) {
      const [pool, stock] = await rounds("memory", LANES, { ...env, CONCURRENCY });
      const MB = (of, name) => `${of(name).toFixed(1)} MB`;
      for (const [index, of] of [pool, stock].entries()) {
        row(LANES[index], CONCURRENCY, of("created"), MB(of, "heap"), MB(of, "rss"));
      }
      const part = (name) => `${(pool(name) / stock(name)).toFixed(2)} ×`;
      row("evertoken / stock", CONCURRENCY, "", part("heap"), part("rss"));
    }
  },

  async cpu(env) {
    const pairs = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { told, child } = await read("cpu", env);
      child.kill();
      pairs.push(told);
    }
    const all = (name) => pairs.flatMap((told) => told[name]);
    row("PutObject 4 KiB, 16 at a time", "CPU");
    row("-", "-");
    for (const name of ["client", "pool"]) row(`${name}.send`, `${median(all(name)).toFixed(0)} µs`);
    const [from, to] = medianInterval(all("ratio"));
    const ratio = median(all("ratio")).toFixed(3);
    row("pool / client", `${ratio} × (${from.toFixed(3)} to ${to.toFixed(3)}, ${all("ratio").length} pairs)`);
  },
};

async function measure(names) {
  console.log(
    `Node.js ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(2)}, median of ${ROUNDS} rounds`,
  );
  for (const name of names) {
    const { told: urls, child: simulator } = await read("simulator", {
      IMDS_DELAY_MS: name === "latency" ? "900" : "",
    });
    console.log("");
    await tables[name]({ ...urls, AWS_EC2_METADATA_SERVICE_ENDPOINT: urls.IMDS_URL });
    simulator.kill();
  }
}

if (reading === undefined) await measure(process.argv.length > 2 ? process.argv.slice(2) : Object.keys(tables));
else process.send(await readings[reading]());
