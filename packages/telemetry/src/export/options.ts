/** What the export can be told, checked once. The names of OpenTelemetry's own environment variables go on to count. */

import { check } from "@evertoken/core";
import * as v from "valibot";

export interface PrometheusOptions {
  /** Port to be scraped at; 0: any free one. Absent: none is opened, and a server of one's own calls `scrape()`. */
  readonly port?: number | undefined;
  /** Where it listens. Default `127.0.0.1`: figures of credentials are for those who were let in. */
  readonly host?: string | undefined;
}

export interface OtlpOptions {
  /** Where to send: `http://collector:4318/v1/metrics`. Environment: `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` and the like. */
  readonly url?: string | undefined;
  /** Sent along, for an API key perhaps. Environment: `OTEL_EXPORTER_OTLP_METRICS_HEADERS` and the like. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How often, in milliseconds. Environment: `OTEL_METRIC_EXPORT_INTERVAL`. Default 60,000. */
  readonly intervalMs?: number | undefined;
}

export interface ExportOptions {
  /** Offer the figures to a Prometheus that comes and asks. */
  readonly prometheus?: PrometheusOptions | undefined;
  /** Send the figures by OTLP over HTTP. */
  readonly otlp?: OtlpOptions | undefined;
  /** What this process is called. Environment: `OTEL_SERVICE_NAME`. Default `unknown_service:node`, as OpenTelemetry says. */
  readonly serviceName?: string | undefined;
}

const portMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a whole number from 0 to 65535`;

const schema = v.pipe(
  v.strictObject({
    prometheus: v.optional(
      v.strictObject({
        port: v.optional(
          v.pipe(
            v.number(portMessage),
            v.integer(portMessage),
            v.minValue(0, portMessage),
            v.maxValue(65_535, portMessage),
          ),
        ),
        host: v.optional(
          v.pipe(v.string("must be a host name or address"), v.nonEmpty("must not be empty")),
          "127.0.0.1",
        ),
      }),
    ),
    otlp: v.optional(
      v.strictObject({
        url: v.optional(
          v.pipe(
            v.string("must be a URL"),
            v.regex(
              /^https?:\/\/./,
              (issue) => `is ${JSON.stringify(issue.input)}: expected http(s)://host[:port]/path`,
            ),
          ),
        ),
        headers: v.optional(v.record(v.string(), v.string("must be text"), "must be an object of texts")),
        intervalMs: v.optional(
          v.pipe(
            v.number("must be a number of milliseconds"),
            v.finite("must be a finite number of milliseconds"),
            v.minValue(100, (issue) => `is ${issue.input}: expected milliseconds, 100 or more`),
          ),
        ),
      }),
    ),
    serviceName: v.optional(v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"))),
  }),
  v.check(
    ({ prometheus, otlp }) => prometheus !== undefined || otlp !== undefined,
    "names no way: expected prometheus, otlp or both",
  ),
);

/** @throws InvalidInputError naming each option that is wrong. */
export function exportSettings(options: ExportOptions) {
  return check(schema, options, "exportMetrics options");
}
