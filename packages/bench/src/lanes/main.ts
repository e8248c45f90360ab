/**
 * `npm run bench:lanes`: the fast lane beside the stock SDK, the pool's SDK lane and bare undici. Each run has a process of its
 * own; the lanes take turns, and each round begins with another. Figures are medians of rounds, ratios those of medians.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../statistics.js";
import { startTarget, type Target } from "../target/target.js";
import { CASES, type Case, type Figures, SMALL } from "./cases.js";
import type { Run } from "./lane-process.js";
import type { LaneName } from "./lanes.js";
import { goalsOf, tableOf } from "./report.js";

const HELP = `npm run bench:lanes [-- --rounds 7] [--seconds 2] [--case NAME]… [--profile FOLDER]

  --rounds N        runs of each lane, by turns. Default 7
  --seconds N       how long a run is measured, after as long a warm-up. Default 2
  --case NAME       only this case, may be repeated: ${CASES.map(({ name }) => name).join(", ")}
  --profile FOLDER  writes a CPU profile of each run there, for a flame graph (Chrome's or Node.js's developer tools)
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    case: { type: "string", multiple: true },
    profile: { type: "string" },
    help: { type: "boolean" },
  },
});

function positive(name: "rounds" | "seconds"): number {
  const number = Number(values[name]);
  if (number > 0 && (name === "seconds" || Number.isInteger(number))) return number;
  console.error(`--${name} is ${values[name]}: expected ${name === "rounds" ? "a whole number" : "seconds"} above 0`);
  process.exit(2);
}

function chosenCases(): readonly Case[] {
  const unknown = values.case?.find((name) => CASES.every((one) => one.name !== name));
  if (unknown !== undefined) {
    console.error(`--case is ${unknown}: expected one of ${CASES.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  return CASES.filter(({ name }) => values.case?.includes(name) ?? true);
}

async function runOnce(run: Run): Promise<Figures> {
  const profile = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  const child = fork(join(import.meta.dirname, "lane-process.js"), {
    execArgv: ["--no-warnings", ...profile],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  });
  child.send(run);
  const told = once(child, "message") as Promise<[Figures]>;
  const gone = once(child, "exit");
  const first = await Promise.race([told, gone.then(() => undefined)]);
  if (first === undefined) throw new Error(`the run of ${run.lane} ended without figures: what it printed says why`);
  await gone;
  return first[0];
}

async function measureCase(of: Case, target: Target, rounds: number, ms: number): Promise<Map<LaneName, Figures>> {
  const runs = new Map<LaneName, Figures[]>(of.lanes.map((lane) => [lane, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < of.lanes.length; turn++) {
      const lane = of.lanes[(round + turn) % of.lanes.length] as LaneName;
      const way = { endpoint: target[of.scheme], ca: target.ca };
      runs.get(lane)?.push(await runOnce({ lane, of, way, warmUpMs: ms, measureMs: ms }));
      process.stderr.write(`\r${of.title}: round ${round + 1} of ${rounds}, ${lane} `);
    }
  }
  process.stderr.write("\r\u001b[K");
  const mediansOf = (figures: readonly Figures[]) => {
    const names = Object.keys(figures[0] as Figures) as (keyof Figures)[];
    return Object.fromEntries(
      names.map((name) => [name, median(figures.map((one) => one[name]))]),
    ) as unknown as Figures;
  };
  return new Map([...runs].map(([lane, figures]) => [lane, mediansOf(figures)]));
}

if (values.help) {
  console.log(HELP);
} else {
  const [rounds, seconds, cases] = [positive("rounds"), positive("seconds"), chosenCases()];
  const target = await startTarget([SMALL]);
  try {
    const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "unknown processor"}`;
    console.log(
      `Node.js ${process.version}, ${machine}, load ${(loadavg()[0] ?? 0).toFixed(2)}, target ${target.name}, ` +
        `medians of ${rounds} rounds of ${seconds} s\n`,
    );
    for (const of of cases) {
      const figures = await measureCase(of, target, rounds, seconds * 1000);
      console.log(`${tableOf(of, figures)}\n\n${goalsOf(of, figures)}\n`);
    }
  } finally {
    await target.close();
  }
}
