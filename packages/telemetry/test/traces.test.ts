import { PutObjectCommand } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { observe } from "@evertoken/telemetry";
import { context, SpanStatusCode } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exported, instance } from "./scrape.js";

const put = () => new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" });

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

/** An observed instance, what it says in spans, and a way to do something within a trace. */
async function traced(options: Parameters<typeof instance>[0] = {}) {
  const { meterProvider } = await exported();
  const memory = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const made = await instance(options);
  observe(made.pool, { meterProvider, tracerProvider });
  const tracer = tracerProvider.getTracer("the application");
  const within = (name: string, work: () => Promise<unknown>) =>
    tracer.startActiveSpan(name, async (span) => {
      await work().catch(() => {});
      span.end();
      return span.spanContext();
    });
  const spans = (name: string): ReadableSpan[] => memory.getFinishedSpans().filter((span) => span.name === name);
  return { ...made, within, spans };
}

const ms = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6;

describe("spans", () => {
  it("of a refresh that a request waits for stand in the request's trace", async () => {
    const { pool, within, spans } = await traced();

    const request = await within("request", () => pool.send(put()));

    const [span] = spans("evertoken.refresh");
    expect(span?.parentSpanContext).toMatchObject({ spanId: request.spanId, traceId: request.traceId });
    expect(span?.attributes).toEqual({
      "evertoken.keeper": "default",
      "evertoken.refresh.outcome": "rotated",
      "evertoken.refresh.trigger": "empty",
    });
  });

  it("of a replay stand there too, from the refusal to the end, beside the refresh that it waited for", async () => {
    const { pool, simulator, within, spans } = await traced();
    await pool.send(put());
    simulator.fault("credentials-revoked");
    simulator.fault("imds-slow", { delayMs: 60 });

    const request = await within("request", () => pool.send(put()));

    const [replay] = spans("evertoken.replay");
    const refresh = spans("evertoken.refresh").at(-1);
    expect(replay?.parentSpanContext?.spanId).toBe(request.spanId);
    expect(refresh?.parentSpanContext?.spanId).toBe(request.spanId);
    expect(replay?.attributes).toEqual({
      "evertoken.pool": "default",
      "evertoken.replay.reason": "ExpiredToken",
      "rpc.service": "S3",
      "rpc.method": "PutObject",
    });
    expect(ms(replay?.duration ?? [0, 0])).toBeGreaterThan(50);
    expect(replay?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it("of what failed say so", async () => {
    const { pool, simulator, within, spans } = await traced();
    simulator.fault("imds-error", { status: 403 });

    await within("request", () => pool.send(put()));

    const [span] = spans("evertoken.refresh");
    expect(span?.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringContaining("403") });
  });

  it("of a refresh that nobody waits for begin a trace of their own", async () => {
    const clock = new VirtualClock();
    const { keeper, within, spans } = await traced({ simulator: { clock }, keeper: { clock } });
    await within("the first request", () => keeper.provider());

    await within("who moves the clock", () => clock.advance(360_000));

    const watch = spans("evertoken.refresh").at(-1);
    expect(watch?.attributes["evertoken.refresh.trigger"]).toBe("fresh");
    expect(watch?.parentSpanContext).toBeUndefined();
  });

  it("hold no secret", async () => {
    const { pool, keeper, simulator, spans } = await traced();
    await pool.send(put());
    const { secretAccessKey, sessionToken = "none" } = await keeper.provider();
    simulator.fault("credentials-revoked");
    simulator.fault("imds-down");
    await pool.send(put()).catch(() => {});

    const text = JSON.stringify(
      [...spans("evertoken.refresh"), ...spans("evertoken.replay")].map(({ name, attributes, status, events }) => [
        name,
        attributes,
        status,
        events,
      ]),
    );
    expect(text).toContain("IMDS");
    for (const secret of [secretAccessKey, sessionToken]) expect(text).not.toContain(secret);
  });
});
