/**
 * `npm run bench:calibrate`: does the bench find what is there, and nothing else? The same client against itself, a client with
 * 5 % more work in each operation, one with a tail, a change among sixteen releases: each many times, on the machine at hand.
 *
 * Each comparison is kept in a file of its own, so that it can be ended at any time and goes on where it stopped.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { bisect, parseCases, runBench } from "@evertoken/bench";
import { MEASURED, table } from "./table.mjs";

const HELP = `npm run bench:calibrate [-- --comparisons 16] [--minutes N] [--folder FOLDER] [--table] [--again]

  --comparisons N   of each of the two main kinds. Default 16: with the rest of it less than 40 minutes
  --minutes N       begins nothing new after so long; the next call goes on from there
  --folder FOLDER   where each comparison is kept. Default .cache/bench-calibration
  --table           measures nothing, prints what there is
  --again           forgets what there is

Run nothing else meanwhile.
`;

const { values } = parseArgs({
  options: {
    comparisons: { type: "string", default: "16" },
    minutes: { type: "string", default: "600" },
    folder: { type: "string", default: ".cache/bench-calibration" },
    table: { type: "boolean" },
    again: { type: "boolean" },
    help: { type: "boolean" },
  },
});

const CLIENT = (name) => join(import.meta.dirname, `${name}.mjs`);

/** One comparison: less than a minute on two cores. */
const SETTINGS = { cases: parseCases(["put-4KiB"]), rounds: 8, measureMs: 1000, warmUpMs: 3000 };

/** Of the bisection: what is planted there is so large that these will do. */
const ROUNDS_OF_A_STEP = 6;

const RELEASES = 16;
/** Where the change is planted: a place that halving does not ask first. */
const CHANGED_IN = 11;

const interruption = new AbortController();
process.once("SIGINT", () => interruption.abort(new Error("interrupted")));

function fileOf(folder, kind, number) {
  return join(folder, `${kind}-${String(number).padStart(2, "0")}.json`);
}

/** What is left to do: kinds take turns, so that what there is at any time is of all of them. */
function* left(folder, comparisons) {
  const done = new Set(readdirSync(folder).map((name) => join(folder, name)));
  for (let number = 1; number <= comparisons; number += 1) {
    for (const [kind, { times = comparisons, ...what }] of Object.entries(MEASURED)) {
      const file = fileOf(folder, kind, number);
      if (number <= times && !done.has(file)) yield { kind, times, number, file, what };
    }
  }
}

async function compare({ base, planted, inFlight, rounds = SETTINGS.rounds }, number) {
  const cases = parseCases(["put-4KiB"], { inFlight });
  const settings = { ...SETTINGS, cases, rounds, seed: number };
  return { record: await runBench(settings, [CLIENT(base), CLIENT(planted)], interruption) };
}

/** Sixteen modules that are all the base, and from one of them on the one with more work. */
async function search({ base, planted: changed }, folder) {
  const releases = join(folder, "releases");
  mkdirSync(releases, { recursive: true });
  const specs = Array.from({ length: RELEASES }, (_, index) => {
    const path = join(releases, `release-${index + 1}.mjs`);
    const planted = index + 1 >= CHANGED_IN ? changed : base;
    writeFileSync(path, `export * from ${JSON.stringify(CLIENT(planted))};\n`);
    return path;
  });
  let seed = 0;
  const result = await bisect({
    specs,
    measure: (a, b) => {
      seed += 1;
      return runBench({ ...SETTINGS, rounds: ROUNDS_OF_A_STEP, seed }, [a, b], interruption);
    },
  });
  return { result, sought: specs[CHANGED_IN - 1] };
}

async function timed(work, file) {
  const began = performance.now();
  const outcome = await work();
  interruption.signal.throwIfAborted();
  const seconds = (performance.now() - began) / 1000;
  writeFileSync(`${file}.tmp`, JSON.stringify({ seconds, ...outcome }));
  renameSync(`${file}.tmp`, file);
  return seconds;
}

function whole(name, text) {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`--${name} is ${text}: expected a whole number above 0`);
  process.exit(2);
}

async function measureAll(folder, comparisons, until) {
  for (const { kind, times, number, file, what } of left(folder, comparisons)) {
    if (performance.now() > until) return;
    const seconds = await timed(() => (kind === "bisect" ? search(what, folder) : compare(what, number)), file);
    console.error(`${kind} ${number} of ${times}: ${seconds.toFixed(0)} s`);
  }
}

if (values.help) {
  console.log(HELP);
} else {
  const [comparisons, minutes] = [whole("comparisons", values.comparisons), whole("minutes", values.minutes)];
  const folder = resolve(values.folder);
  if (values.again) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    if (!values.table) await measureAll(folder, comparisons, performance.now() + minutes * 60_000);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.exitCode = 130;
  }
  const kept = readdirSync(folder).filter((name) => /^[a-z-]+-\d+\.json$/.test(name));
  const outcomes = kept.sort().map((name) => ({
    kind: name.replace(/-\d+\.json$/, ""),
    ...JSON.parse(readFileSync(join(folder, name), "utf8")),
  }));
  console.log(table(outcomes));
}
