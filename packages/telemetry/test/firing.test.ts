import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { observe, observeTroubles } from "@evertoken/telemetry";
import { expect, it, onTestFinished } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { ALERTS, RULES, type RuleFile } from "./deploy.js";
import { exported, instance } from "./scrape.js";
import { alertmanager, freePort, prometheus } from "./servers.js";

/**
 * The whole way once, with nothing of it simulated but AWS: faults, what they do to a process, its metrics, a real Prometheus,
 * the rules as they are shipped, a real Alertmanager, somebody's webhook.
 *
 * One thing is changed in the rules, because a test has no ten minutes: `for`, how long a condition must last until it
 * counts, becomes a second. promtool's unit tests hold the rest to their times.
 */
const HASTY: RuleFile = {
  groups: RULES.groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => (rule.for === undefined ? rule : { ...rule, for: "1s" })),
  })),
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const put = () => new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" });

interface Notified {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Keeps each alert that it is told of, by name: several instances may have the same trouble. */
async function webhook() {
  const notified = new Map<string, Notified[]>();
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { alerts } = JSON.parse(Buffer.concat(chunks).toString()) as { alerts: Notified[] };
    for (const alert of alerts) {
      const name = alert.labels.alertname ?? "nameless";
      notified.set(name, [...(notified.get(name) ?? []), alert]);
    }
    outgoing.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, notified };
}

/** Does it again and again until the test ends, whatever comes of it. */
function keepDoing(work: () => unknown): void {
  let isOver = false;
  const doing = (async () => {
    while (!isOver) {
      await Promise.resolve(work()).catch(() => {});
      await delay(100);
    }
  })();
  onTestFinished(async () => {
    isOver = true;
    await doing;
  });
}

/** Every kind of trouble, each on an instance of its own. */
const TROUBLES: Readonly<Record<string, (name: string) => Promise<Parameters<typeof observe>[0]>>> = {
  /** The rotation got stuck five and a half hours ago, and now IMDS is down. */
  async stuck() {
    const clock = new VirtualClock({ startAt: Date.now() - 5.5 * HOUR });
    const { keeper, simulator } = await instance({ simulator: { clock }, keeper: { clock } });
    simulator.fault("credentials-stuck");
    await keeper.provider();
    await clock.advance(5.5 * HOUR);
    clock.setSpeed(1);
    simulator.fault("imds-down");
    keepDoing(() => keeper.refresh());
    return keeper;
  },
  /** IMDS is switched off. */
  async refused() {
    const { keeper, simulator } = await instance();
    simulator.fault("imds-error", { status: 403 });
    keepDoing(() => keeper.refresh());
    return keeper;
  },
  /** Somebody revokes the credentials again and again. */
  async revoked() {
    const { pool, simulator } = await instance();
    keepDoing(() => {
      simulator.fault("credentials-revoked");
      return pool.send(put());
    });
    return pool;
  },
  /** The credentials were revoked, and there are no others. */
  async surfaced() {
    const { pool, simulator } = await instance();
    await pool.send(put());
    simulator.fault("imds-down");
    simulator.fault("credentials-revoked");
    keepDoing(() => pool.send(put()));
    return pool;
  },
  /** This host's clock is an hour and a half behind. */
  async skewed() {
    const clock = new VirtualClock({ startAt: Date.now() + 90 * MINUTE, speed: 1 });
    const { keeper } = await instance({ simulator: { clock } });
    await keeper.provider();
    return keeper;
  },
  /** Nobody listens where the service should be. */
  async ejected() {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const { pool } = await instance({ pool: { endpoint, size: 4, ejection: { maxEjectionPercent: 100 } } });
    keepDoing(() => Promise.allSettled([1, 2, 3, 4].map(() => pool.send(put()))));
    return pool;
  },
};

/** Puts an `ethtool` first in the path whose figure rises with each second. */
function hostThatDropsPackets(): void {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-ethtool-"));
  const script = "#!/bin/sh\necho 'NIC statistics:'\necho \"     linklocal_allowance_exceeded: $(date +%s)\"\n";
  writeFileSync(join(folder, "ethtool"), script);
  chmodSync(join(folder, "ethtool"), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  onTestFinished(() => {
    process.env.PATH = before;
    rmSync(folder, { recursive: true });
  });
}

const MISSING =
  isMissing("prometheus", "prometheus", "--version") ||
  isMissing("prometheus-alertmanager", "prometheus-alertmanager", "--version");

it.skipIf(MISSING)(
  "every alert goes the whole way, from a fault to somebody's webhook",
  { timeout: 60_000 },
  async () => {
    hostThatDropsPackets();
    const { url = "", meterProvider } = await exported();
    for (const [name, begin] of Object.entries(TROUBLES)) observe(await begin(name), { meterProvider, name });
    observeTroubles(() => [{ about: "the state file", since: Date.now() - MINUTE }], { meterProvider });
    const { url: hook, notified } = await webhook();
    const absent = `127.0.0.1:${await freePort()}`;

    await prometheus({
      targets: { evertoken: [new URL(url).host], "evertoken-agent": [absent] },
      rules: HASTY,
      alertmanager: await alertmanager(hook),
    });
    const expected: Readonly<Record<string, string>> = {
      EvertokenSurvivalLow: "stuck",
      EvertokenSurvivalCritical: "refused",
      EvertokenNoRotation: "stuck",
      EvertokenRefreshFailing: "stuck",
      EvertokenImdsRefusing: "refused",
      EvertokenImdsSilent: "stuck",
      EvertokenExpiredTokenSurfaced: "surfaced",
      EvertokenReplaysRising: "revoked",
      EvertokenClockSkew: "skewed",
      EvertokenPoolMostlyEjected: "ejected",
      EvertokenLinkLocalDropped: new URL(url).host,
      EvertokenAgentTrouble: new URL(url).host,
      EvertokenAgentAbsent: absent,
    };
    const about = (name: string) =>
      (notified.get(name) ?? []).map(({ labels }) => labels.keeper ?? labels.client ?? labels.pool ?? labels.instance);
    const missing = () => Object.entries(expected).filter(([name, who]) => !about(name).includes(who));
    const deadline = Date.now() + 45_000;
    while (missing().length > 0 && Date.now() < deadline) await delay(100);

    expect(missing()).toEqual([]);
    expect([...notified.keys()].sort()).toEqual(ALERTS.map(({ alert }) => alert).sort());
    // One clock is off, one pool is ejected, one agent is absent: no other.
    for (const name of [
      "EvertokenClockSkew",
      "EvertokenPoolMostlyEjected",
      "EvertokenAgentAbsent",
      "EvertokenNoRotation",
    ]) {
      expect(new Set(about(name))).toEqual(new Set([expected[name]]));
    }
    for (const { annotations } of [...notified.values()].flat()) {
      expect(annotations.runbook_url).toContain("/docs/runbook.md#");
    }
  },
);
