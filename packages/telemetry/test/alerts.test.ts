import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METRICS } from "@evertoken/telemetry";
import { describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { isMissing } from "../../../tools/real-tool.js";
import { ALERTS, mistakesIn, pathOf, textOf } from "./deploy.js";

/** The rules and the dashboard against what exists, and, by Prometheus's own tool, the rules against what they promise. */

const noPromtool = isMissing("prometheus", "promtool", "--version");
const promtool = (...args: string[]) => spawnSync("promtool", args, { encoding: "utf8" });

const RUNBOOK = textOf("docs/runbook.md");

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const DASHBOARD = JSON.parse(textOf("deploy/grafana/evertoken.json")) as { readonly panels: readonly Panel[] };
const drawn = DASHBOARD.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

describe("the alerts", () => {
  it.skipIf(noPromtool)("fire when they must and are silent when they may be, by promtool's unit tests", () => {
    const { status, stdout, stderr } = promtool("test", "rules", pathOf("deploy/prometheus/evertoken.rules.test.yaml"));

    expect(status, stdout + stderr).toBe(0);
  });

  it.skipIf(noPromtool)("are in a configuration that Prometheus takes", () => {
    const { status, stdout, stderr } = promtool("check", "config", pathOf("deploy/prometheus/prometheus.yaml"));

    expect(status, stdout + stderr).toBe(0);
  });

  it.each(ALERTS.map(({ alert }) => alert))(
    "%s has a unit test in which it fires, and one in which it does not",
    (alert) => {
      const tests = textOf("deploy/prometheus/evertoken.rules.test.yaml");
      const asked = tests.split("- alertname: ").filter((part) => part.startsWith(`${alert}\n`));

      expect(asked.some((part) => part.includes("exp_alerts:"))).toBe(true);
      expect(asked.some((part) => !part.includes("exp_alerts:"))).toBe(true);
    },
  );

  it.each(ALERTS)("$alert asks for metrics and labels that exist", ({ expr }) => {
    expect(mistakesIn(expr)).toEqual([]);
  });

  it.each(ALERTS)("$alert says what is the matter, how bad it is, and where the runbook tells what to do", (rule) => {
    const { alert, labels, annotations } = rule;
    const { runbook_url: url = "", summary, description } = annotations;

    expect(["critical", "warning"]).toContain(labels.severity);
    expect(summary).toMatch(/\$labels\.instance/);
    expect(description).toMatch(/\.$/);
    expect(url).toBe(`https://github.com/evertoken/evertoken/blob/main/docs/runbook.md#${alert.toLowerCase()}`);
    const section = RUNBOOK.split(/^## /m).find((text) => text.startsWith(`${alert}\n`)) ?? "";
    expect(section).toMatch(/\*\*Means\*\*[\s\S]*\*\*Do\*\*/);
    expect(section.toLowerCase()).toContain(`${labels.severity}`);
  });

  it("have a runbook that has no section too many, and names no metric or alert that does not exist", () => {
    const names = ALERTS.map(({ alert }) => alert);

    expect([...RUNBOOK.matchAll(/^## (\w+)$/gm)].map(([, name]) => name)).toEqual(names);
    expect(
      [...RUNBOOK.matchAll(/\bEvertoken[A-Z]\w+/g)].map(([name]) => name).filter((name) => !names.includes(name)),
    ).toEqual([]);
    const metrics = new Set<string>(Object.values(METRICS).map(({ name }) => name));
    for (const [name] of RUNBOOK.matchAll(/\bevertoken_[a-z_]+/g)) expect(metrics).toContain(name);
  });
});

describe("the Grafana dashboard", () => {
  it.each(drawn)("$title asks for metrics and labels that exist: $expr", ({ expr, legendFormat }) => {
    expect(mistakesIn(expr)).toEqual([]);
    const inLegend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(", ");
    if (grouped !== undefined) for (const label of inLegend) expect(grouped).toContain(label);
  });

  it("shows each metric there is", () => {
    const text = drawn.map(({ expr }) => expr).join("\n");
    // What the table of a host's instants would repeat: survival and ages say it.
    const saidOtherwise = ["expiration", "lastRotation"];

    const missing = Object.entries(METRICS).filter(([, { name }]) => !text.includes(name));

    expect(missing.map(([key]) => key)).toEqual(saidOtherwise);
  });

  it("has panels that are told apart, and asks only for the hosts that were chosen", () => {
    const ids = DASHBOARD.panels.map(({ id }) => id);

    expect(new Set(ids).size).toBe(ids.length);
    for (const { expr } of drawn) {
      const named = [...expr.matchAll(/evertoken_\w+/g)].length;
      expect([...expr.matchAll(/job=~"\$job", instance=~"\$instance"/g)], expr).toHaveLength(named);
    }
  });

  it.skipIf(noPromtool)("asks in PromQL that Prometheus takes", () => {
    const folder = mkdtempSync(join(tmpdir(), "evertoken-dashboard-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const rules = drawn.map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    const file = join(folder, "rules.yaml");
    writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules }] }));

    const { status, stdout, stderr } = promtool("check", "rules", file);

    expect(status, stdout + stderr).toBe(0);
  });
});
