/** What is in `deploy/`, as tests read it. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { METRICS } from "@evertoken/telemetry";
import { parse } from "yaml";

export const pathOf = (file: string) => fileURLToPath(new URL(`../../../${file}`, import.meta.url));
export const textOf = (file: string) => readFileSync(pathOf(file), "utf8");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

export const RULES: RuleFile = parse(textOf("deploy/prometheus/evertoken.rules.yaml"));
export const ALERTS = RULES.groups.flatMap(({ rules }) => rules);

/** Labels that Prometheus puts on what it scrapes. */
const OF_TARGET = ["job", "instance"];

/** What a PromQL expression says of our metrics that is not so. */
export function mistakesIn(expr: string): string[] {
  const series = new Map<string, readonly string[]>();
  for (const { name, kind, labels } of Object.values(METRICS)) {
    if (kind !== "histogram") series.set(name, labels);
    else for (const suffix of ["bucket", "sum", "count"]) series.set(`${name}_${suffix}`, [...labels, "le"]);
  }
  const mistakes: string[] = [];
  for (const [, name = "", matchers = ""] of expr.matchAll(/\b(evertoken_\w+)(?:\{([^}]*)\})?/g)) {
    const labels = series.get(name);
    if (labels === undefined) mistakes.push(`there is no ${name}`);
    for (const [, label = ""] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)) {
      if (labels !== undefined && ![...labels, ...OF_TARGET].includes(label)) mistakes.push(`${name} has no ${label}`);
    }
  }
  const known = new Set([
    ...[...series].filter(([name]) => expr.includes(name)).flatMap(([, labels]) => labels),
    ...OF_TARGET,
  ]);
  for (const [, list = ""] of expr.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(",").map((text) => text.trim())) {
      if (!known.has(label)) mistakes.push(`nothing here has ${label}`);
    }
  }
  return mistakes;
}
