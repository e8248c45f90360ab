/**
 * Export in one line, for applications that have no OpenTelemetry SDK of their own: sets one up and makes it the one that
 * `observe` uses. In an entry of its own, so that nobody else loads an SDK.
 */

import { ClosedError, every } from "@evertoken/core";
import { type MeterProvider as ApiMeterProvider, metrics } from "@opentelemetry/api";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { observeHost } from "../host.js";
import { keepRequestDurations } from "../instruments.js";
import { type ExportOptions, exportSettings } from "./options.js";
import { otlpReader, requestDurations, TextReader } from "./readers.js";
import { type ScrapeServer, scrapeServer, TEXT_FORMAT } from "./scrape-server.js";

/**
 * With two ways out the SDK keeps for each what the other has collected. If Prometheus does not come for what is its own,
 * that would grow for ever: it is collected for it, this often.
 */
const FORGET_MS = 300_000;

export interface ExportedMetrics {
  /** For `observe`, and for metrics of one's own. */
  readonly meterProvider: ApiMeterProvider;
  /** Where Prometheus can read, if a port was opened: `http://127.0.0.1:9464/metrics`. */
  readonly url: string | undefined;
  /**
   * The figures of now in Prometheus's text format, for a server of one's own.
   * @throws ClosedError after `close()`.
   */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Sends what is left by OTLP, and stops. Idempotent. */
  close(): Promise<void>;
}

/**
 * Exports what is observed from now on, and what EC2 dropped of the host's link-local packets.
 *
 * @example
 * await exportMetrics({ prometheus: { port: 9464 } });
 * observe(createS3Pool({ region: "eu-central-1" }));
 *
 * @throws InvalidInputError when an option is not what it must be; the system's error when the port cannot be opened.
 */
export async function exportMetrics(options: ExportOptions): Promise<ExportedMetrics> {
  const { prometheus, otlp, serviceName } = exportSettings(options);
  const durations = requestDurations();
  const textReader = new TextReader(durations);
  let server: ScrapeServer | undefined;
  let closing: Promise<void> | undefined;
  const text = async () => {
    if (closing !== undefined) throw new ClosedError("these metrics are closed: export them again");
    return textReader.text();
  };
  if (prometheus?.port !== undefined) {
    server = await scrapeServer({ host: prometheus.host, port: prometheus.port }, text);
  }
  const meterProvider = new MeterProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes(serviceName === undefined ? {} : { "service.name": serviceName })),
    readers: [textReader, ...(otlp === undefined ? [] : [otlpReader(otlp, durations)])],
  });
  keepRequestDurations(meterProvider, durations);
  const isRegistered = metrics.setGlobalMeterProvider(meterProvider);
  const stopHost = observeHost({ meterProvider });
  const forgetting = otlp === undefined ? undefined : every(FORGET_MS, () => void textReader.collect());
  const close = async () => {
    stopHost();
    forgetting?.cancel();
    if (isRegistered) metrics.disable();
    await server?.close();
    await meterProvider.shutdown();
  };
  return {
    meterProvider,
    url: server?.url,
    scrape: async () => ({ contentType: TEXT_FORMAT, body: await text() }),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
