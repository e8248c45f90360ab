/** A real Prometheus and a real Alertmanager on loopback, for the length of a test. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import type { RuleFile } from "./deploy.js";

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ExpositionServer {
  /** `host:port` */
  readonly address: string;
  readonly scrapes: number;
}

/** Is scraped as a process with metrics would be. @param text what it answers, told how often it was asked. */
export async function expositionServer(text: (scrapes: number) => string): Promise<ExpositionServer> {
  let scrapes = 0;
  const server = createServer((_, answer) => {
    scrapes += 1;
    answer.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(`${text(scrapes)}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get scrapes() {
      return scrapes;
    },
  };
}

/** Starts a server and waits until it says at `/-/ready` that it is. */
async function start(command: string, args: readonly string[], url: string): Promise<void> {
  const process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [process.stdout, process.stderr]) stream.on("data", (chunk) => (said += chunk));
  onTestFinished(() => ended(process));
  while (!(await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) {
    if (process.exitCode !== null) throw new Error(`${command} ended with ${process.exitCode}: ${said}`);
    await delay(50);
  }
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null) return;
  process.kill("SIGKILL");
  await once(process, "exit");
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "evertoken-prometheus-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** @returns its address, `host:port`. @param webhook is told of each alert at once. */
export async function alertmanager(webhook: string): Promise<string> {
  const path = folder();
  const file = join(path, "alertmanager.yaml");
  const route = { receiver: "test", group_by: ["..."], group_wait: "0s", group_interval: "1s", repeat_interval: "1h" };
  const receivers = [{ name: "test", webhook_configs: [{ url: webhook, send_resolved: false }] }];
  writeFileSync(file, stringify({ route, receivers }));
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${file}`, `--storage.path=${path}`, `--web.listen-address=${address}`];
  await start("prometheus-alertmanager", [...args, "--cluster.listen-address="], `http://${address}`);
  return address;
}

interface PrometheusSetup {
  /** By job: the addresses to scrape. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  readonly rules?: RuleFile;
  readonly alertmanager?: string;
  /** What is scraped says itself of which job and instance it is. */
  readonly honorLabels?: boolean;
}

/** Scrapes and judges twice a second. @returns its URL. */
export async function prometheus({
  targets,
  rules,
  alertmanager,
  honorLabels = false,
}: PrometheusSetup): Promise<string> {
  const path = folder();
  const [file, rulesFile] = [join(path, "prometheus.yaml"), join(path, "rules.yaml")];
  if (rules !== undefined) writeFileSync(rulesFile, stringify(rules));
  writeFileSync(
    file,
    stringify({
      global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" },
      ...(rules === undefined ? {} : { rule_files: [rulesFile] }),
      ...(alertmanager === undefined
        ? {}
        : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
      scrape_configs: Object.entries(targets).map(([job_name, targets]) => ({
        job_name,
        honor_labels: honorLabels,
        static_configs: [{ targets }],
      })),
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${path}/data`, `--web.listen-address=${address}`];
  await start("prometheus", args, `http://${address}`);
  return `http://${address}`;
}
