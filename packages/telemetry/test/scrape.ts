/** Reads metrics as Prometheus does: over HTTP, in its text format. */

import { createKeeper, fromImds, type KeeperOptions } from "@evertoken/credentials";
import { createS3Pool, type S3PoolOptions } from "@evertoken/s3";
import { type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { type ExportedMetrics, exportMetrics } from "@evertoken/telemetry/export";
import { onTestFinished } from "vitest";

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function parse(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = LINE.exec(line) ?? [];
      if (name === "") throw new Error(`not in Prometheus's text format: ${line}`);
      const pairs = [...labels.matchAll(LABEL)].map(([, key = "", text = ""]) => [key, text]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value.replace("Inf", "Infinity")) };
    });
}

export class Scrape {
  readonly samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.samples = samples;
  }

  static async of(url: string): Promise<Scrape> {
    const answer = await fetch(url);
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
    return new Scrape(parse(await answer.text()));
  }

  /** Those samples of a series that have these labels, by way of what they have besides. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    return this.samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    );
  }

  /** Of all series that have these labels, added up; undefined where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.all(name, labels);
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }
}

/** Metrics that are exported on a port of their own for the length of a test. */
export async function exported(): Promise<ExportedMetrics & { readonly scraped: () => Promise<Scrape> }> {
  const metrics = await exportMetrics({ prometheus: { port: 0 } });
  onTestFinished(() => metrics.close());
  return { ...metrics, scraped: () => Scrape.of(metrics.url ?? "none") };
}

/** A simulated instance with an S3 pool on it. */
export async function instance({
  simulator: ofSimulator = {},
  keeper: ofKeeper = {},
  pool: ofPool = {},
}: {
  simulator?: SimulatorOptions;
  keeper?: KeeperOptions;
  pool?: S3PoolOptions;
} = {}) {
  const simulator = await startSimulator(ofSimulator);
  const { clock } = ofKeeper;
  const source = fromImds({ endpoint: simulator.imdsUrl, clock, timeoutMs: 200, attempts: 2 });
  const keeper = createKeeper({ source, loadTimeoutMs: 500, maxWaitMs: 100, ...ofKeeper });
  const common = { region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, maxAttempts: 1 };
  const pool = createS3Pool({ ...common, size: 3, keeper, ...ofPool });
  onTestFinished(async () => {
    await pool.close({ drainMs: 100 });
    keeper.close();
    source.close?.();
    await simulator.close();
  });
  return { simulator, keeper, pool };
}
