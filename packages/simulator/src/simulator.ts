/**
 * The simulator: IMDSv2 and S3 on loopback in one process, on one clock, one ledger and one journal.
 */

import { type Clock, ClosedError, type EventSource, InvalidInputError, VirtualClock } from "@evertoken/core";
import { adminListener } from "./admin/admin.js";
import { type ActiveFault, FaultBoard, type FaultEvents } from "./faults/board.js";
import type { FaultOptions, World } from "./faults/fault.js";
import type { FaultName } from "./faults/table.js";
import { Gate } from "./gate/gate.js";
import { instanceFacts } from "./imds-categories.js";
import { ImdsService } from "./imds-service.js";
import { InstanceRole } from "./instance-role.js";
import { type JournalFile, writeJournal } from "./journal/file.js";
import { CredentialNews, tellOfFaults } from "./journal/telling.js";
import { type Story, why } from "./journal/why.js";
import { Journal } from "./journal.js";
import { Ledger } from "./ledger.js";
import { type Handlers, type Listening, listen } from "./listener.js";
import { checkClientLabel, type SimulatorOptions, type SimulatorSettings, simulatorSettings } from "./options.js";
import { S3Service } from "./s3/service.js";
import { PlayedScenario, type ScenarioRun } from "./scenario/run.js";
import { loadScenario } from "./scenario/shipped.js";
import { SERVICE_NAMES, type Service } from "./services.js";
import { ShiftedClock } from "./shifted-clock.js";

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
  /** Where it can be steered over HTTP; undefined unless `adminPort` was given. */
  readonly adminUrl: string | undefined;
  /** The scenario that is being played, if it was started with one. */
  readonly scenario: ScenarioRun | undefined;
  /** The story of a request, from the issue of its credential on; undefined when it is not in the journal (any more). */
  why(requestId: string): Story | undefined;
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
  const { scenario, ...given } = options;
  const loaded = typeof scenario === "string" ? await loadScenario(scenario) : scenario;
  const settings = simulatorSettings(given, loaded);
  const simulator = new LoopbackSimulator(settings);
  try {
    return await simulator.open(settings);
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
  readonly #gate: Gate;
  readonly #s3Clock: ShiftedClock;
  readonly #imds: ImdsService;
  readonly #s3: S3Service;
  readonly #listening: { readonly service: Service; readonly at: Listening }[] = [];
  readonly #refusing = new Set<Service>();
  readonly #endpoints = new Map<string, Endpoints>();
  #admin: Listening | undefined;
  readonly #played: PlayedScenario | undefined;
  #journalFile: JournalFile | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: SimulatorSettings) {
    const { clock, seed, region } = settings;
    const { journal } = this;
    const news = new CredentialNews(journal, () => clock.now());
    const ledger = new Ledger(seed, news.issued);
    const { roleName, credentialLifetimeMs: lifetimeMs, rotationIntervalMs } = settings;
    const startedAt = clock.now();
    const role = new InstanceRole({ ledger, roleName, startedAt, lifetimeMs, rotationIntervalMs, seed });
    if (settings.journalFile !== undefined) this.#journalFile = writeJournal(journal, settings.journalFile);
    this.clock = clock;
    this.#region = region;
    this.#imds = new ImdsService({
      clock,
      role,
      journal,
      seed,
      facts: instanceFacts(seed, region),
    });
    const { createBuckets } = settings;
    this.#s3Clock = new ShiftedClock(clock);
    this.#s3 = new S3Service({
      clock: this.#s3Clock,
      ledger,
      // However wrong S3's clock is, the journal's is right.
      journal: {
        record: (entry) => journal.record({ ...entry, at: entry.at - this.#s3Clock.offMs }),
      },
      region,
      seed,
      createBuckets,
      maxSkewMs: () => maxSkewMs(clock),
    });
    this.#gate = new Gate({ clock, journal, ledger, faults: () => this.#faults });
    const tools = { clock, ledger, world: this.#world(role, news), handedOut: news.swapped };
    this.#faults = new FaultBoard({ timeline: settings.timeline, seed, tools });
    tellOfFaults(journal, this.#faults);
    this.#faults.catchUp();
    this.#played = settings.scenario && new PlayedScenario(settings.scenario, clock, journal);
  }

  get scenario(): ScenarioRun | undefined {
    return this.#played;
  }

  get imdsUrl(): string {
    return this.#endpointsOf(FIRST_CLIENT).imdsUrl;
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url;
  }

  get s3Url(): string {
    return this.#endpointsOf(FIRST_CLIENT).s3Url;
  }

  async open({ imdsPort, s3Port, adminPort }: SimulatorSettings): Promise<Simulator> {
    await this.#listen(FIRST_CLIENT, imdsPort, s3Port);
    if (adminPort !== undefined) await this.#openAdmin(adminPort);
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

  why(requestId: string): Story | undefined {
    return why(requestId, { entries: this.journal.entries(), events: this.journal.events() });
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
    const imds = await this.#add(
      "imds",
      imdsPort,
      this.#gate.before("imds", client, { request: this.#imds.listener(client) }),
    );
    const s3 = await this.#add("s3", s3Port, this.#gate.before("s3", client, this.#s3.handlers(client)));
    const endpoints = Object.freeze({ imdsUrl: imds.url, s3Url: s3.url });
    this.#endpoints.set(client, endpoints);
    return endpoints;
  }

  async #openAdmin(port: number): Promise<void> {
    const target = {
      clock: this.clock,
      journal: this.journal,
      fault: (name: FaultName, options: FaultOptions) => this.fault(name, options),
      activeFaults: () => this.activeFaults(),
      why: (requestId: string) => this.why(requestId),
      urls: () => ({ ...this.#endpointsOf(FIRST_CLIENT) }),
    };
    this.#admin = await listen(port, "the admin API", { request: adminListener(target) });
  }

  async #add(service: Service, port: number, handlers: Handlers): Promise<Listening> {
    this.#assertOpen();
    const listening = await listen(port, SERVICE_NAMES[service], handlers);
    this.#listening.push({ service, at: listening });
    if (this.#refusing.has(service)) listening.setAccepting(false);
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

  /** What faults can do to all of this. */
  #world(role: InstanceRole, news: CredentialNews): World {
    return {
      holdRotation: (at) => role.hold(at),
      releaseRotation: (at) => role.release(at),
      revokeCredentials: (at) => {
        role.revoke(at);
        news.revoked(at);
      },
      forgetSessionTokens: () => this.#imds.forgetSessionTokens(),
      shiftS3Clock: (byMs) => this.#s3Clock.shift(byMs),
      setAccepting: (service, accepting) => {
        if (accepting) this.#refusing.delete(service);
        else this.#refusing.add(service);
        for (const { at } of this.#listening.filter((one) => one.service === service)) at.setAccepting(accepting);
      },
    };
  }

  async #close(): Promise<void> {
    this.#faults.close();
    this.#played?.close();
    this.#gate.close();
    await Promise.all(this.#listening.map(({ at }) => at.close()));
    await this.#admin?.close();
    await this.#journalFile?.close();
  }
}

function maxSkewMs(clock: Clock): number {
  const speed = clock instanceof VirtualClock ? clock.speed : 1;
  return MAX_SKEW_MS + Math.max(0, speed - 1) * ON_ITS_WAY_MS;
}
