/**
 * The fast lane: S3's hot operations at a fraction of the SDK's work. A request is read, signed and sent here; the answer
 * of a success becomes the output here. Everything else is the SDK lane's, from the start (`diversion.ts`) or from the
 * answer on (`handed-over.ts`), and the caller cannot tell the difference.
 */

import { randomUUID } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";
import { type Clock, SkewSampler } from "@evertoken/core";
import type { Identity, Keeper } from "@evertoken/credentials";
import { noteLane, type Seat } from "@evertoken/pool";
import type { HttpHandlerOptions } from "@smithy/types";
import type { Dispatcher } from "undici";
import { type Diversion, LaneCounts, type LaneStats } from "./diversion.js";
import { Received } from "./handed-over.js";
import { Hashing } from "./hashing.js";
import { OPERATIONS } from "./operations.js";
import { type Deserialize, deserializer } from "./output.js";
import { type Plan, planOf } from "./plan.js";
import { type Reading, readInput } from "./reading.js";
import { learnTemplate } from "./route.js";
import { addChecksum, missingChecksum, type Occasion, signRequest, type Template } from "./signed-request.js";
import { type Answer, sendOnWire } from "./wire.js";

/** A client that can be asked to go either way. */
export interface LaneClient extends S3Client {
  /** The SDK's own `send`. */
  sendBySdk(command: object, options?: HttpHandlerOptions): Promise<unknown>;
  readonly hasForeignMiddleware: boolean;
  /** Tells the SDK's retries of a success, which gives them back some of their budget. */
  recordSuccess(): void;
}

/** Where a request is in the pool: the SDK lane needs the client, the fast lane only what it may have learned. */
export type LaneSeat = Seat<LaneClient>;

export interface LaneSettings {
  /** When off, every request goes the SDK lane. */
  readonly isOn: boolean;
  readonly dispatcher: Dispatcher;
  readonly keeper: Keeper;
  readonly clock: Clock;
}

/** One command class and what is known of it so far. */
interface Track {
  readonly plan: Plan;
  readonly deserialize: Deserialize;
  /** By bucket. */
  readonly templates: Map<string, Template | Diversion | Promise<Template | Diversion>>;
}

interface Taken {
  readonly track: Track;
  readonly reading: Reading;
  readonly command: Command;
  readonly options: HttpHandlerOptions | undefined;
}

/** Any command of the SDK. */
export interface Command {
  readonly input: Readonly<Record<string, unknown>>;
  readonly middlewareStack: { identify(): string[] };
}

/** Templates are small, and who uses more buckets than this learns one anew now and then. */
const MAX_TEMPLATES = 1000;

const KNOWN_OPTIONS: ReadonlySet<string> = new Set(["abortSignal", "requestTimeout"]);

export class FastLane {
  readonly #settings: LaneSettings;
  readonly #tracks: ReadonlyMap<unknown, Track>;
  readonly #counts = new LaneCounts();
  readonly #skew: SkewSampler;
  readonly #hashing: Hashing;
  /** Of the client that the first template was learned from; what answers are read by is the same in all. */
  #config: LaneClient["config"] | undefined;

  constructor(settings: LaneSettings) {
    this.#settings = settings;
    this.#hashing = new Hashing(settings.clock);
    this.#skew = new SkewSampler(settings.clock, (skewMs) => settings.keeper.noteSkew(skewMs));
    this.#tracks = new Map(
      OPERATIONS.map((operation) => [
        operation.command,
        { plan: planOf(operation), deserialize: deserializer(operation), templates: new Map() },
      ]),
    );
  }

  stats(): LaneStats {
    return this.#counts.stats();
  }

  /** Ends what it has of its own. Requests may still come, and fail by their connections. */
  async close(): Promise<void> {
    await this.#hashing.close();
  }

  send(seat: LaneSeat, command: Command, options?: HttpHandlerOptions): Promise<unknown> {
    if (!this.#settings.isOn) return this.#divert(seat, undefined, command, options);
    const taken = this.#take(seat, command, options);
    return typeof taken === "string" ? this.#divert(seat, taken, command, options) : this.#run(seat, taken);
  }

  #take(seat: LaneSeat, command: Command, options?: HttpHandlerOptions): Taken | Diversion {
    const track = this.#tracks.get(command.constructor);
    if (track === undefined) return "operation";
    if (seat.client?.hasForeignMiddleware || command.middlewareStack.identify().length > 0) return "middleware";
    if (options !== undefined && !areKnown(options)) return "options";
    const reading = readInput(track.plan, command.input);
    return typeof reading === "string" ? reading : { track, reading, command, options };
  }

  #divert(
    seat: LaneSeat,
    why: Diversion | undefined,
    command: Command,
    options?: HttpHandlerOptions,
  ): Promise<unknown> {
    this.#counts.diverted(why);
    return seat.open().sendBySdk(command, options);
  }

  async #run(seat: LaneSeat, taken: Taken): Promise<unknown> {
    const { track, reading, command, options } = taken;
    const { plan } = track;
    const known = this.#template(seat, track, reading.bucket);
    const template = known instanceof Promise ? await known : known;
    if (typeof template === "string") return this.#divert(seat, template, command, options);
    const algorithm = missingChecksum(plan, template, reading);
    if (algorithm === "unknown") return this.#divert(seat, "value", command, options);
    const hashing = reading.body && this.#hashing.of(reading.body, algorithm === "CRC32");
    const hashes = hashing && (await hashing);
    if (algorithm !== undefined) {
      const adding = addChecksum(plan, reading, algorithm, hashes);
      if (adding !== undefined) await adding;
    }
    let identity: Identity;
    try {
      identity = await this.#settings.keeper.provider();
    } catch {
      // The SDK lane asks the Keeper again, and gives its error the form that callers know.
      return this.#divert(seat, "endpoint", command, options);
    }
    return this.#exchange(seat, taken, template, { identity, sha256: hashes?.sha256 });
  }

  async #exchange(
    seat: LaneSeat,
    taken: Taken,
    template: Template,
    given: Pick<Occasion, "identity" | "sha256">,
  ): Promise<unknown> {
    const { track, reading, command, options } = taken;
    const { plan } = track;
    const sentAt = this.#settings.clock.now();
    const now = sentAt + (seat.client?.config.systemClockOffset ?? seat.skewMs);
    const request = signRequest(plan, template, reading, { ...given, now, invocationId: randomUUID() });
    this.#counts.fast += 1;
    const handOver = (outcome: { answer: Answer } | { error: unknown }) => {
      this.#counts.handedOver += 1;
      return seat.open().sendBySdk(command, new Received(outcome, request.authorization).with(options));
    };
    let answer: Answer;
    try {
      answer = await sendOnWire(this.#settings.dispatcher, request, {
        abortSignal: options?.abortSignal as AbortSignal | undefined,
        requestTimeout: options?.requestTimeout,
        streams: plan.operation.streams,
        validates: reading.values[plan.indexOf["x-amz-checksum-mode"]] === "ENABLED",
      });
    } catch (error) {
      return handOver({ error });
    }
    if (!isSuccess(answer, plan)) return handOver({ answer });
    try {
      const config = seat.client?.config ?? this.#config ?? seat.open().config;
      const output = await track.deserialize(answer, config);
      Object.assign(output.$metadata, { attempts: 1, totalRetryDelay: 0 });
      seat.client?.recordSuccess();
      noteLane(options, "fast");
      this.#skew.sample(answer.headers.date, sentAt);
      return output;
    } catch {
      // Something in it cannot be read: the SDK says what.
      return handOver({ answer });
    }
  }

  #template(seat: LaneSeat, { plan, templates }: Track, bucket: string) {
    const known = templates.get(bucket);
    if (known !== undefined) return known;
    const client = seat.open();
    this.#config ??= client.config;
    const learner = {
      client,
      sendBySdk: (command: object) => client.sendBySdk(command),
      identity: () => this.#settings.keeper.provider(),
    };
    const learning = learnTemplate(plan, learner, bucket)
      .catch((): Diversion => "endpoint")
      .then((learned) => {
        if (learned === "endpoint") templates.delete(bucket);
        else templates.set(bucket, learned);
        return learned;
      });
    const [oldest] = templates.keys();
    if (templates.size >= MAX_TEMPLATES && oldest !== undefined) templates.delete(oldest);
    templates.set(bucket, learning);
    return learning;
  }
}

function areKnown(options: HttpHandlerOptions): boolean {
  const { abortSignal, requestTimeout } = options;
  return (
    Object.keys(options).every((name) => KNOWN_OPTIONS.has(name)) &&
    (abortSignal === undefined || (abortSignal instanceof AbortSignal && !abortSignal.aborted)) &&
    (requestTimeout === undefined || requestTimeout > 0)
  );
}

/**
 * An answer of 200 whose body ends an error document is none: the SDK looks at the last 16 bytes as well. Nor is one whose
 * body broke off.
 */
function isSuccess({ statusCode, body }: Answer, { operation }: Plan): boolean {
  if (statusCode < 200 || statusCode >= 300) return false;
  if (!(body instanceof Uint8Array)) return operation.streams;
  if (!operation.mayFailWith200 || body.byteLength === 0) return true;
  return !Buffer.from(body.subarray(-16)).toString().endsWith("</Error>");
}
