/**
 * One lane of the demo, in a process of its own: as many workers as clients, each writing an object and reading two back
 * every few simulated minutes until the day is over; then everything written is read back and compared.
 *
 * The process lives on the demo's clock: `Date` itself runs fast, so that the stock SDK's own refresh logic is really the
 * one that is judged. Sockets stay real.
 */

import { GetObjectCommand, ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { every, type Random, seededRandom, VirtualClock } from "@evertoken/core";
import { followClock } from "@evertoken/simulator";
import { LaneRecorder } from "@evertoken/telemetry/live";
import { keptPool, type LaneClients, laneClients } from "./lane-clients.js";
import { LaneTally } from "./lane-counts.js";
import type { FromLane, LaneTask, ToLane } from "./lane-protocol.js";
import { type BytesOf, objectBytes } from "./objects.js";

const BUCKET = "evertoken-demo";

/** Each worker's pace: 3 requests in this time make 57,600 for 100 clients in 24 hours. */
const CYCLE_MS = 7.5 * 60_000;

/** Real time between two progress messages. */
const PROGRESS_MS = 200;

/** Objects read back at the same time in the end. */
const READERS = 32;

interface Lane {
  readonly task: LaneTask;
  readonly clock: VirtualClock;
  readonly clients: LaneClients;
  readonly tally: LaneTally;
  readonly recorder: LaneRecorder | undefined;
  readonly bytesOf: BytesOf;
  /** The keys whose writing was acknowledged, by worker. */
  readonly written: string[][];
}

function say(message: FromLane): void {
  process.send?.(message);
}

async function prepare(task: LaneTask): Promise<Lane> {
  const clock = VirtualClock.following(task.clock);
  followClock(clock);
  const clients = laneClients(task, clock);
  const { pool } = clients;
  const recorder = task.recorded ? new LaneRecorder({ name: task.lane, clock }) : undefined;
  if (pool !== undefined) recorder?.observe(pool.keeper);
  // A service that has been up for a while: each client has its credentials. One after the other, because constructing
  // a hundred clients at once blocks this process for longer than a time-out.
  for (let index = 0; index < task.clients; index++) await clients.send(index)(new ListBucketsCommand());
  return {
    task,
    clock,
    clients,
    tally: new LaneTally(pool === undefined ? recorder : undefined),
    recorder,
    bytesOf: objectBytes(task.seed),
    written: Array.from({ length: task.clients }, () => []),
  };
}

async function run(lane: Lane, untilEpochMs: number): Promise<void> {
  const { clock, clients, tally, recorder } = lane;
  if (clients.pool !== undefined) recorder?.observe(clients.pool);
  const counts = () => tally.counts(clients.replayed());
  const tell = () => {
    const report = recorder?.take();
    say({ say: "progress", counts: counts(), ...(report === undefined ? {} : { report }) });
  };
  const telling = every(PROGRESS_MS, tell);
  await Promise.all(lane.written.map((_, worker) => work(lane, worker, untilEpochMs)));
  telling.cancel();
  tell();
  const told = counts();
  const sentFast = clients.sentFast();
  recorder?.close();
  await clients.close();
  say({ say: "checking" });
  const objectsLost = await countLost(lane);
  const objectsWritten = lane.written.reduce((sum, keys) => sum + keys.length, 0);
  say({
    say: "finished",
    result: { ...told, sentFast, objectsWritten, objectsLost, ...tally.latencies(), errors: tally.errors() },
  });
  clock.setSpeed(0);
}

/** One worker's day: at its own moment of each cycle, so that the load is even. */
async function work(lane: Lane, worker: number, untilEpochMs: number): Promise<void> {
  const { clock, task } = lane;
  const random = seededRandom(task.seed * 7919 + worker);
  const startedAt = clock.now();
  for (let cycle = 0; ; cycle++) {
    const dueAt = startedAt + (cycle + random()) * CYCLE_MS;
    if (dueAt >= untilEpochMs) return;
    await clock.sleep(Math.max(0, dueAt - clock.now()));
    await writeAndRead(lane, worker, cycle, random);
  }
}

async function writeAndRead(lane: Lane, worker: number, cycle: number, random: Random): Promise<void> {
  const { task, clients, tally, bytesOf, written } = lane;
  const send = clients.send(worker);
  const monotonic = () => lane.clock.network.monotonic();
  const keys = written[worker] as string[];
  const key = `${task.lane}/client-${String(worker).padStart(3, "0")}/object-${String(cycle).padStart(5, "0")}`;
  const put = await tally.request(monotonic, () =>
    send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: bytesOf(key) })),
  );
  if (put !== undefined) keys.push(key);
  // The object of a moment ago, and one from any earlier time.
  for (const back of [0, Math.floor(random() * keys.length)]) {
    const read = keys.at(-1 - back);
    if (read === undefined) continue;
    await tally.request(monotonic, async () => assertSame(read, await readBack(send, read), bytesOf));
  }
}

async function readBack(send: ReturnType<LaneClients["send"]>, key: string): Promise<Uint8Array> {
  const { Body: body } = await send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  if (body === undefined) throw new Error(`${key} was answered without a body`);
  return body.transformToByteArray();
}

function assertSame(key: string, read: Uint8Array, bytesOf: BytesOf): void {
  if (!bytesOf(key).equals(read)) throw new Error(`${key} is not what was written`);
}

/** Reads everything back with a pool, in either lane: dead clients must not make objects look lost. */
async function countLost({ task, clock, written, bytesOf }: Lane): Promise<number> {
  const { pool, close } = keptPool(task, clock);
  const send = ((command: never) => pool.send(command)) as ReturnType<LaneClients["send"]>;
  const remaining = written.flat();
  let lost = 0;
  const reader = async () => {
    for (let key = remaining.pop(); key !== undefined; key = remaining.pop()) {
      const read = await readBack(send, key).catch(() => undefined);
      if (read === undefined || !bytesOf(key).equals(read)) lost += 1;
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  await close();
  return lost;
}

let lane: Promise<Lane> | undefined;

async function obey(message: ToLane): Promise<void> {
  if (message.say === "prepare") {
    lane = prepare(message.task);
    await lane;
    say({ say: "prepared" });
    return;
  }
  if (lane === undefined) throw new Error("the lane was told to run before it was prepared");
  const prepared = await lane;
  prepared.clock.follow(message.clock);
  await run(prepared, message.untilEpochMs);
}

process.on("message", (message: ToLane) => {
  obey(message).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// The demo is gone, however it went: nothing of it may stay behind.
process.on("disconnect", () => process.exit(0));
