/**
 * The simulator: IMDSv2 and S3 on loopback in one process, on one clock, one ledger and one journal.
 */

import { type Clock, ClosedError, type EventSource, InvalidInputError, VirtualClock } from "@evertoken/core";
import { type ActiveFault, FaultBoard, type FaultEffects, type FaultEvents } from "./fault-board.js";
import type { FaultName, FaultOptions } from "./faults.js";
import { instanceFacts } from "./imds-categories.js";
import { ImdsService } from "./imds-service.js";
import { InstanceRole } from "./instance-role.js";
import { Journal } from "./journal.js";
import { Ledger } from "./ledger.js";
import { type Handlers, type Listening, listen } from "./listener.js";
import { checkClientLabel, type SimulatorOptions, type SimulatorSettings, simulatorSettings } from "./options.js";
import { S3Service } from "./s3/service.js";

export interface Endpoints {
  readonly imdsUrl: string;
  readonly s3Url: string;
}

export interface Simulator extends Endpoints, EventSource<FaultEvents> {
  readonly clock: Clock;
  readonly journal: Journal;
  /**
   * Starts a fault now; it lasts until its `end()`, if it is of a kind that lasts.
   * @throws InvalidInputError for an unknown fault, or an option that means nothing to it; ClosedError.
   */
  fault(name: FaultName, options?: FaultOptions): ActiveFault;
  activeFaults(): readonly ActiveFault[];
  /**
   * Further endpoints on free ports: the same services, told apart in the journal by `client`.
   * @throws InvalidInputError when `client` is empty; ClosedError.
   */
  openEndpoints(client: string): Promise<Endpoints>;
  /**
   * What to put into `process.env` so that an AWS SDK finds it. Bucket names belong into the path with most SDKs.
   * @param client whose endpoints. Default: the first ones.
   * @throws InvalidInputError when no endpoints were opened for `client`.
   */
  environment(client?: string): Record<string, string>;
  /** Ends all connections and timers at once. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * @example
 * const simulator = await startSimulator({ speed: 3600 });
 * Object.assign(process.env, simulator.environment());
 *
 * @throws InvalidInputError when an option is not what it must be; PortInUseError.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = simulatorSettings(options);
  const simulator = new LoopbackSimulator(settings);
  try {
    return await simulator.open(settings.imdsPort, settings.s3Port);
  } catch (error) {
    await simulator.close();
    throw error;
  }
}

/** S3 refuses requests whose timestamp is further off. */
const MAX_SKEW_MS = 15 * 60_000;

/** Real time that a request may be on its way: on a fast clock it counts as skew, which no network causes. */
const ON_ITS_WAY_MS = 5000;

/** The label of the first endpoints in the journal. */
const FIRST_CLIENT = "default";

class LoopbackSimulator implements Simulator {
  readonly clock: Clock;
  readonly journal = new Journal();
  readonly #region: string;
  readonly #faults: FaultBoard;
  readonly #imds: ImdsService;
  readonly #s3: S3Service;
  readonly #listening: Listening[] = [];
  readonly #endpoints = new Map<string, Endpoints>();
  #closing: Promise<void> | undefined;

  constructor(settings: SimulatorSettings) {
    const { clock, seed, region } = settings;
    const { journal } = this;
    const ledger = new Ledger(seed);
    const { roleName, credentialLifetimeMs: lifetimeMs, rotationIntervalMs } = settings;
    const startedAt = clock.now();
    const role = new InstanceRole({ ledger, roleName, startedAt, lifetimeMs, rotationIntervalMs, seed });
    this.clock = clock;
    this.#region = region;
    this.#imds = new ImdsService({
      clock,
      role,
      journal,
      seed,
      facts: instanceFacts(seed, region),
      faults: () => this.#faults,
    });
    const { createBuckets, dataDir } = settings;
    this.#s3 = new S3Service({
      clock,
      ledger,
      journal,
      region,
      seed,
      createBuckets,
      dataDir,
      maxSkewMs: () => maxSkewMs(clock),
    });
    this.#faults = new FaultBoard(clock, settings.timeline, effectsOn(role, this.#imds));
  }

  get imdsUrl(): string {
    return this.#endpointsOf(FIRST_CLIENT).imdsUrl;
  }

  get s3Url(): string {
    return this.#endpointsOf(FIRST_CLIENT).s3Url;
  }

  async open(imdsPort: number, s3Port: number): Promise<Simulator> {
    await this.#listen(FIRST_CLIENT, imdsPort, s3Port);
    return this;
  }

  async openEndpoints(client: string): Promise<Endpoints> {
    checkClientLabel(client);
    return this.#listen(client, 0, 0);
  }

  fault(name: FaultName, options?: FaultOptions): ActiveFault {
    this.#assertOpen();
    return this.#faults.start(name, options);
  }

  activeFaults(): readonly ActiveFault[] {
    return this.#faults.active();
  }

  on<K extends keyof FaultEvents>(event: K, listener: (carried: FaultEvents[K]) => void): () => void {
    return this.#faults.on(event, listener);
  }

  environment(client = FIRST_CLIENT): Record<string, string> {
    const { imdsUrl, s3Url } = this.#endpointsOf(client);
    return {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsUrl,
      AWS_ENDPOINT_URL_S3: s3Url,
      AWS_REGION: this.#region,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(client: string, imdsPort: number, s3Port: number): Promise<Endpoints> {
    const imds = await this.#add(imdsPort, "IMDS", { request: this.#imds.listener(client) });
    const s3 = await this.#add(s3Port, "S3", this.#upToDate(this.#s3.handlers(client)));
    const endpoints = Object.freeze({ imdsUrl: imds.url, s3Url: s3.url });
    this.#endpoints.set(client, endpoints);
    return endpoints;
  }

  async #add(port: number, what: string, handlers: Handlers): Promise<Listening> {
    this.#assertOpen();
    const listening = await listen(port, what, handlers);
    this.#listening.push(listening);
    // Closed while the port was being opened: `close` has not seen this one.
    if (this.#closing !== undefined) await listening.close();
    this.#assertOpen();
    return listening;
  }

  #endpointsOf(client: string): Endpoints {
    const endpoints = this.#endpoints.get(client);
    if (endpoints !== undefined) return endpoints;
    const message = `is ${JSON.stringify(client)}: expected one of ${[...this.#endpoints.keys()].join(", ")}, or openEndpoints first`;
    throw new InvalidInputError("environment", [{ field: "client", message }]);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError("this simulator is closed: start another one");
  }

  /** A revocation that is due must have happened before S3 judges anybody. */
  #upToDate({ request, checkContinue, clientError }: Required<Handlers>): Handlers {
    const after =
      (listener: Handlers["request"]): Handlers["request"] =>
      (incoming, outgoing) => {
        this.#faults.active();
        listener(incoming, outgoing);
      };
    return { request: after(request), checkContinue: after(checkContinue), clientError };
  }

  async #close(): Promise<void> {
    this.#faults.close();
    this.#imds.close();
    await Promise.all(this.#listening.map((listening) => listening.close()));
    this.#s3.close();
  }
}

/** What those faults do that change what is known; the others are looked up when a request comes. */
function effectsOn(role: InstanceRole, imds: ImdsService): FaultEffects {
  return {
    began(name, at) {
      if (name === "session-tokens-forgotten") imds.forgetSessionTokens();
      if (name === "credentials-revoked") role.revoke(at);
      if (name === "credentials-stuck") role.hold(at);
    },
    ended(name, at) {
      if (name === "credentials-stuck") role.release(at);
    },
  };
}

function maxSkewMs(clock: Clock): number {
  const speed = clock instanceof VirtualClock ? clock.speed : 1;
  return MAX_SKEW_MS + Math.max(0, speed - 1) * ON_ITS_WAY_MS;
}
