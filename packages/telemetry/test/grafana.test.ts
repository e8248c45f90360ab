/** The Grafana dashboard: that all of it fits together, and that a real Prometheus has an answer to each of its questions. */

import { METRICS } from "@evertoken/telemetry";
import { describe, expect, it } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { textOf } from "./deploy.js";
import { expositionServer, prometheus } from "./servers.js";

interface Source {
  readonly type: string;
  readonly uid: string;
}

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: Source;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: Source;
  readonly targets?: readonly Target[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: Source;
}

const TEXT = textOf("deploy/grafana/evertoken.json");
const DASHBOARD = JSON.parse(TEXT) as {
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly expr: string; readonly datasource: Source }[] };
};
const { panels } = DASHBOARD;
const variables = DASHBOARD.templating.list;
const targets = panels.flatMap(({ title, targets: own = [] }) => own.map((target) => ({ title, ...target })));

/** Those that come with Grafana itself. */
const KINDS = ["row", "stat", "table", "timeseries"];
const COLUMNS = 24;

describe("the Grafana dashboard", () => {
  it("is of a form that Grafana 10 reads, and later ones turn into their own", () => {
    // https://github.com/grafana/grafana/tree/main/apps/dashboard/pkg/migration: 39 is that of Grafana 10.3 to 11.
    expect(DASHBOARD.schemaVersion).toBe(39);
    expect(panels.filter(({ type }) => !KINDS.includes(type))).toEqual([]);
  });

  it("has panels that lie beside each other, within the grid and without a hole above them", () => {
    const covered = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(COLUMNS);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(covered.get(`${column} ${line}`), `${title} lies on`).toBeUndefined();
          covered.set(`${column} ${line}`, title);
        }
        if (y > 0) expect(covered.has(`${column} ${y - 1}`), `above ${title}`).toBe(true);
      }
    }
  });

  it("names only variables that there are, and one data source everywhere", () => {
    const known = [...variables.map(({ name }) => name), "__rate_interval", "__all"];

    const named = [...TEXT.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)].map(([, braced, plain]) => braced ?? plain ?? "");

    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as Grafana writes it.
    const source = { type: "prometheus", uid: "${datasource}" };
    const sources = [
      ...panels.filter(({ type }) => type !== "row").map(({ datasource }) => datasource),
      ...[...targets, ...DASHBOARD.annotations.list].map(({ datasource }) => datasource),
      ...variables.filter(({ type }) => type === "query").map(({ datasource }) => datasource),
    ];
    for (const one of sources) expect(one).toEqual(source);
    for (const { title, targets: own = [] } of panels) {
      const ids = own.map(({ refId }) => refId);
      expect(new Set(ids).size, title).toBe(ids.length);
    }
  });

  it.skipIf(isMissing("prometheus", "prometheus", "--version"))(
    "gets an answer to each question from a Prometheus that scrapes every metric, with the labels that its legends name",
    { timeout: 30_000 },
    async () => {
      const server = await expositionServer(everyMetric);
      const url = await prometheus({ targets: { "evertoken-agent": [server.address] } });
      const ask = async (path: string, parameters: Record<string, string>) => {
        const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
        const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: unknown };
        expect(status, `${JSON.stringify(parameters)}: ${error}`).toBe("success");
        return data;
      };
      // A rate needs two scrapes.
      await expect.poll(() => server.scrapes, { timeout: 15_000 }).toBeGreaterThan(4);

      for (const { title, expr, legendFormat } of targets) {
        const query = chosen(expr);
        const { result } = (await ask("query", { query })) as { result: { metric: Record<string, string> }[] };
        expect(result.length, `${title}: ${query}`).toBeGreaterThan(0);
        for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(
            result.every(({ metric }) => label in metric),
            `${title}: ${label}`,
          ).toBe(true);
        }
      }
      for (const { expr } of DASHBOARD.annotations.list) await ask("query", { query: chosen(expr) });
      for (const { name, query } of variables.filter(({ type }) => type === "query")) {
        const { query: text } = Object(query) as { query: string };
        const [, series = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
        expect(await ask(`label/${label}/values`, { "match[]": chosen(series) }), name).not.toEqual([]);
      }
    },
  );
});

/** As Grafana would ask, with all hosts chosen. */
function chosen(expr: string): string {
  return expr.replaceAll(/\$(job|instance)\b/g, ".*").replaceAll("$__rate_interval", "5s");
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  outcome: ["ok", "failed", "surfaced"],
  status: ["200", "503"],
  source: ["imds"],
};

/** Each metric there is, with counters that grow from scrape to scrape. */
function everyMetric(scrapes: number): string {
  return Object.values(METRICS)
    .flatMap(({ name, kind, labels }) =>
      combinations(labels).flatMap((own) => {
        const line = (suffix: string, value: number, more = "") => `${name}${suffix}{${own}${more}} ${value}`;
        if (kind !== "histogram") return [line("", scrapes)];
        return [
          line("_bucket", scrapes, ',le="1"'),
          line("_bucket", scrapes, ',le="+Inf"'),
          line("_sum", scrapes),
          line("_count", scrapes),
        ];
      }),
    )
    .join("\n");
}

function combinations(labels: readonly string[]): string[] {
  return labels.reduce<string[]>(
    (all, label) =>
      all.flatMap((own) =>
        (VALUES[label] ?? ["one"]).map((value) => `${own}${own === "" ? "" : ","}${label}="${value}"`),
      ),
    [""],
  );
}
