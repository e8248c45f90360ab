/**
 * The simulator: IMDS, container credentials, STS and S3 on loopback in one process, on one clock, one ledger and one journal.
 */

import { type Clock, type EventSource, InvalidInputError, type LocalPage } from "@evertoken/core";
import { adminListener, withPage } from "./admin/admin.js";
import { ANY_PORTS, type Endpoints, FIRST_CLIENT, OpenEndpoints } from "./endpoints.js";
import { type EnvironmentOptions, environmentOf, environmentSettings } from "./environment.js";
import type { ActiveFault, FaultEvents } from "./faults/board.js";
import type { FaultOptions } from "./faults/fault.js";
import type { FaultName } from "./faults/table.js";
import type { Instance } from "./instance/instance.js";
import { readInstanceFile } from "./instance/overrides.js";
import { type JournalFile, writeJournal } from "./journal/file.js";
import { type Story, why } from "./journal/why.js";
import { Journal } from "./journal.js";
import { type Listening, listen } from "./listener.js";
import {
  type EndpointOptions,
  endpointSettings,
  type SimulatorOptions,
  type SimulatorSettings,
  simulatorSettings,
} from "./options.js";
import { PlayedServices } from "./played-services.js";
import { DataFolder } from "./s3/disk.js";
import { PlayedScenario, type ScenarioRun } from "./scenario/run.js";
import { loadScenario } from "./scenario/shipped.js";

export interface Simulator extends Endpoints, EventSource<FaultEvents> {
  readonly clock: Clock;
  readonly journal: Journal;
  /** The instance that IMDS tells of: its role, its options and what is announced to it can be changed. */
  readonly instance: Instance;
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
   * Further endpoints on free ports: the same services, told apart in the journal by `client`. With `hops: 2` they are those
   * of a container on a bridge, where the answer to a session-token request does not arrive unless the hop limit is 2.
   * @throws InvalidInputError when `client` is empty; ClosedError.
   */
  openEndpoints(client: string, options?: EndpointOptions): Promise<Endpoints>;
  /**
   * What to put into `process.env` so that an AWS SDK finds credentials and services here. Bucket names belong into the path
   * with most SDKs. A program that has credentials in its environment or a profile already takes those first.
   * @param options by which way (`via`, default that of the scenario, or `imds`), and through whose endpoints (`client`,
   *   or that alone).
   * @throws InvalidInputError for a way that is none, and when no endpoints were opened for `client`.
   */
  environment(options?: string | EnvironmentOptions): Record<string, string>;
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
  assertOptions(options);
  const { scenario, ...given } = options;
  const loaded = typeof scenario === "string" ? await loadScenario(scenario) : scenario;
  const settings = simulatorSettings(given, loaded);
  const { instanceFile, region } = settings;
  const overrides = instanceFile === undefined ? settings.instance : await readInstanceFile(instanceFile, region);
  const folder = settings.dataDir === undefined ? undefined : await DataFolder.open(settings.dataDir);
  let simulator: LoopbackSimulator | undefined;
  try {
    simulator = new LoopbackSimulator({ ...settings, instance: overrides }, folder);
    return await simulator.open();
  } catch (error) {
    await simulator?.close();
    folder?.close();
    throw error;
  }
}

/** What is no object at all, schemas of its fields have no words for. */
function assertOptions(options: unknown): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  const message = `are ${JSON.stringify(options)}: expected an object, { imdsPort: 0, … }`;
  throw new InvalidInputError("startSimulator", [{ field: "options", message }]);
}

class LoopbackSimulator implements Simulator {
  readonly clock: Clock;
  readonly journal = new Journal();
  readonly #settings: SimulatorSettings;
  readonly #folder: DataFolder | undefined;
  readonly #services: PlayedServices;
  readonly #endpoints: OpenEndpoints;
  readonly #played: PlayedScenario | undefined;
  readonly #journalFile: JournalFile | undefined;
  #admin: Listening | undefined;
  #page: LocalPage | undefined;
  #closing: Promise<void> | undefined;

  /** @param folder where S3 keeps everything; undefined: in memory. */
  constructor(settings: SimulatorSettings, folder: DataFolder | undefined) {
    const { clock, journalFile, scenario } = settings;
    const { journal } = this;
    if (journalFile !== undefined) this.#journalFile = writeJournal(journal, journalFile);
    this.clock = clock;
    this.#settings = settings;
    this.#endpoints = new OpenEndpoints((service, asker) => this.#services.handlers(service, asker), settings);
    this.#folder = folder;
    this.#services = new PlayedServices(settings, {
      journal,
      folder,
      setAccepting: (service, accepting) => this.#endpoints.setAccepting(service, accepting),
    });
    this.#played = scenario && new PlayedScenario(scenario, clock, journal);
  }

  get instance(): Instance {
    return this.#services.instance;
  }

  get scenario(): ScenarioRun | undefined {
    return this.#played;
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url;
  }

  get imdsUrl(): string {
    return this.#endpoints.of(FIRST_CLIENT).imdsUrl;
  }

  get s3Url(): string {
    return this.#endpoints.of(FIRST_CLIENT).s3Url;
  }

  get stsUrl(): string {
    return this.#endpoints.of(FIRST_CLIENT).stsUrl;
  }

  get containerUrl(): string {
    return this.#endpoints.of(FIRST_CLIENT).containerUrl;
  }

  get imdsIpv6Url(): string | undefined {
    return this.#endpoints.of(FIRST_CLIENT).imdsIpv6Url;
  }

  async open(): Promise<Simulator> {
    const { hops, linkLocal, adminPort, page } = this.#settings;
    const first = { client: FIRST_CLIENT, hops };
    await this.#endpoints.open(first, this.#settings);
    if (linkLocal) await this.#endpoints.openLinkLocal(first);
    if (adminPort !== undefined) {
      this.#page = page?.(this);
      await this.#openAdmin(adminPort);
    }
    return this;
  }

  async openEndpoints(client: string, options: EndpointOptions = {}): Promise<Endpoints> {
    const { hops } = endpointSettings(client, options);
    return this.#endpoints.open({ client, hops }, ANY_PORTS);
  }

  fault(name: FaultName, options?: FaultOptions): ActiveFault {
    this.#endpoints.assertOpen();
    return this.#services.faults.start(name, options);
  }

  activeFaults(): readonly ActiveFault[] {
    return this.#services.faults.active();
  }

  why(requestId: string): Story | undefined {
    return why(requestId, { entries: this.journal.entries(), events: this.journal.events() });
  }

  on<K extends keyof FaultEvents>(event: K, listener: (carried: FaultEvents[K]) => void): () => void {
    return this.#services.faults.on(event, listener);
  }

  environment(options: string | EnvironmentOptions = {}): Record<string, string> {
    const { region, scenario } = this.#settings;
    const { via = scenario?.via ?? "imds", client = FIRST_CLIENT } = environmentSettings(options);
    const endpoints = this.#endpoints.of(client);
    if (via === "imds-ipv6" && endpoints.imdsIpv6Url === undefined) {
      const message = "is imds-ipv6: expected another one, or a simulator that was started with ipv6";
      throw new InvalidInputError("environment", [{ field: "via", message }]);
    }
    const services = this.#services;
    return environmentOf(via, {
      endpoints,
      isLinkLocal: this.#endpoints.isLinkLocal && client === FIRST_CLIENT,
      region,
      container: services.container,
      tokens: services.tokens,
      taskRoleArn: () => services.taskRoleArn(),
      userKey: () => services.userKey(),
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #openAdmin(port: number): Promise<void> {
    const target = {
      clock: this.clock,
      journal: this.journal,
      fault: (name: FaultName, options: FaultOptions) => this.fault(name, options),
      activeFaults: () => this.activeFaults(),
      why: (requestId: string) => this.why(requestId),
      urls: () => ({ ...this.#endpoints.of(FIRST_CLIENT) }),
      role: this.instance,
    };
    this.#admin = await listen(port, "the admin API", { request: withPage(this.#page, adminListener(target)) });
  }

  async #close(): Promise<void> {
    this.#services.endFaults();
    this.#played?.close();
    await this.#endpoints.close();
    this.#services.close();
    this.#page?.close();
    this.#folder?.close();
    await this.#admin?.close();
    await this.#journalFile?.close();
  }
}
