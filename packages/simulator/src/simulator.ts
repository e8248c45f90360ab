/**
 * The simulator: IMDS, container credentials, STS and S3 on loopback in one process, on one clock, one ledger and one journal.
 */

import {
  type Clock,
  ClosedError,
  type EventSource,
  InvalidInputError,
  type LocalPage,
  VirtualClock,
} from "@evertoken/core";
import { adminListener, withPage } from "./admin/admin.js";
import { IdentityTokens } from "./container/identity-token.js";
import { ContainerService } from "./container/service.js";
import { type EnvironmentOptions, environmentOf, environmentSettings } from "./environment.js";
import { type ActiveFault, FaultBoard, type FaultEvents } from "./faults/board.js";
import type { FaultOptions, World } from "./faults/fault.js";
import type { FaultName } from "./faults/table.js";
import { Gate } from "./gate/gate.js";
import { assumedRole, iamUser } from "./iam.js";
import { ImdsService } from "./imds-service.js";
import { type Instance, SimulatedInstance } from "./instance/instance.js";
import { readInstanceFile } from "./instance/overrides.js";
import { InstanceRole } from "./instance-role.js";
import { type JournalFile, writeJournal } from "./journal/file.js";
import { CredentialNews, tellOfFaults } from "./journal/telling.js";
import { type Story, why } from "./journal/why.js";
import { Journal } from "./journal.js";
import { type IssuedCredential, Ledger } from "./ledger.js";
import { type Handlers, type Listening, type LoopbackHost, listen } from "./listener.js";
import {
  type EndpointOptions,
  endpointSettings,
  type SimulatorOptions,
  type SimulatorSettings,
  simulatorSettings,
} from "./options.js";
import { S3Service } from "./s3/service.js";
import { PlayedScenario, type ScenarioRun } from "./scenario/run.js";
import { loadScenario } from "./scenario/shipped.js";
import { seededHex, seededNumber } from "./seeded.js";
import { type PlayedService, SERVICE_NAMES } from "./services.js";
import { ShiftedClock } from "./shifted-clock.js";
import { StsService } from "./sts/service.js";

export interface Endpoints {
  readonly imdsUrl: string;
  readonly s3Url: string;
  readonly stsUrl: string;
  /** Where the container credentials are; `environment` tells the paths and tokens. */
  readonly containerUrl: string;
  /** IMDS once more, on `::1`, if the simulator was started with `ipv6`. */
  readonly imdsIpv6Url: string | undefined;
}

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
   * @param options by which way (`via`, default `imds`), and through whose endpoints (`client`, or that alone).
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
  const { scenario, ...given } = options;
  const loaded = typeof scenario === "string" ? await loadScenario(scenario) : scenario;
  const settings = simulatorSettings(given, loaded);
  const { instanceFile, region } = settings;
  const overrides = instanceFile === undefined ? settings.instance : await readInstanceFile(instanceFile, region);
  const simulator = new LoopbackSimulator({ ...settings, instance: overrides });
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

/** What the pod or task is allowed to be, and the user for whom there is a long-term access key. */
const TASK_ROLE = "evertoken-task-role";
const USER = "evertoken-user";

/** The label of the first endpoints in the journal. */
const FIRST_CLIENT = "default";

type Ports = Pick<
  SimulatorSettings,
  "imdsPort" | "s3Port" | "stsPort" | "containerPort" | "adminPort" | "ipv6" | "hops" | "linkLocal" | "page"
>;
type ServicePorts = Omit<Ports, "adminPort" | "ipv6" | "hops" | "linkLocal" | "page">;

class LoopbackSimulator implements Simulator {
  readonly clock: Clock;
  readonly journal = new Journal();
  readonly instance: SimulatedInstance;
  readonly #region: string;
  readonly #seed: number;
  readonly #ledger: Ledger;
  readonly #faults: FaultBoard;
  readonly #gate: Gate;
  readonly #s3Clock: ShiftedClock;
  readonly #imds: ImdsService;
  readonly #s3: S3Service;
  readonly #sts: StsService;
  readonly #container: ContainerService;
  readonly #tokens: IdentityTokens;
  readonly #listening: { readonly service: PlayedService; readonly at: Listening }[] = [];
  readonly #refusing = new Set<PlayedService>();
  readonly #played: PlayedScenario | undefined;
  readonly #journalFile: JournalFile | undefined;
  #admin: Listening | undefined;
  #page: LocalPage | undefined;
  readonly #endpoints = new Map<string, Endpoints>();
  #hasIpv6 = false;
  #isLinkLocal = false;
  #closing: Promise<void> | undefined;

  constructor(settings: SimulatorSettings) {
    const { clock, seed, region } = settings;
    const { journal } = this;
    if (settings.journalFile !== undefined) this.#journalFile = writeJournal(journal, settings.journalFile);
    const news = new CredentialNews(journal, () => clock.now());
    const ledger = new Ledger(seed, news.issued);
    const { roleName, credentialLifetimeMs: lifetimeMs, rotationIntervalMs } = settings;
    this.clock = clock;
    this.#region = region;
    this.#seed = seed;
    this.#ledger = ledger;
    this.instance = new SimulatedInstance({
      now: () => clock.now(),
      ledger,
      seed,
      region,
      roleName,
      lifetimeMs,
      rotationIntervalMs,
      metadataOptions: settings.metadataOptions,
      overrides: settings.instance,
      file: settings.instanceFile,
      events: settings.instanceEvents,
    });
    const taskRole = new InstanceRole({
      ledger,
      roleName: TASK_ROLE,
      startedAt: clock.now(),
      lifetimeMs,
      rotationIntervalMs,
      seed: seededNumber(seed, "rotation/task"),
      caller: (name) =>
        assumedRole({ ...this.instance.description, roleName: name }, seededHex(seed, "task", 32), seed),
    });
    this.#imds = new ImdsService({
      clock,
      instance: this.instance,
      journal,
      seed,
      extendedCredentials: settings.extendedCredentials,
      limits: settings.imdsLimits,
    });
    this.#tokens = new IdentityTokens(clock, seed, region);
    this.#container = new ContainerService({
      clock,
      journal,
      role: taskRole,
      roleArn: () => this.#taskRoleArn(),
      accountId: () => this.instance.description.accountId,
      tokens: this.#tokens,
      seed,
    });
    this.#sts = new StsService({
      clock,
      ledger,
      journal,
      tokens: this.#tokens,
      region,
      seed,
      maxSkewMs: () => maxSkewMs(clock),
    });
    const { createBuckets, dataDir } = settings;
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
      dataDir,
      maxSkewMs: () => maxSkewMs(clock),
    });
    const roles = [this.instance.role, this.instance.ec2Role, taskRole];
    this.#gate = new Gate({ clock, journal, ledger, faults: () => this.#faults });
    const tools = { clock, ledger, world: this.#world(roles, news), handedOut: news.swapped };
    this.#faults = new FaultBoard({ timeline: settings.timeline, seed, tools });
    tellOfFaults(journal, this.#faults);
    this.#faults.catchUp();
    this.#played = settings.scenario && new PlayedScenario(settings.scenario, clock, journal);
  }

  get scenario(): ScenarioRun | undefined {
    return this.#played;
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url;
  }

  get imdsUrl(): string {
    return this.#endpointsOf(FIRST_CLIENT).imdsUrl;
  }

  get s3Url(): string {
    return this.#endpointsOf(FIRST_CLIENT).s3Url;
  }

  get stsUrl(): string {
    return this.#endpointsOf(FIRST_CLIENT).stsUrl;
  }

  get containerUrl(): string {
    return this.#endpointsOf(FIRST_CLIENT).containerUrl;
  }

  get imdsIpv6Url(): string | undefined {
    return this.#endpointsOf(FIRST_CLIENT).imdsIpv6Url;
  }

  async open(ports: Ports): Promise<Simulator> {
    this.#hasIpv6 = ports.ipv6;
    await this.#listen(FIRST_CLIENT, ports.hops, ports);
    if (ports.linkLocal) await this.#listenOnLinkLocal(ports.hops);
    if (ports.adminPort !== undefined) {
      this.#page = ports.page?.(this);
      await this.#openAdmin(ports.adminPort);
    }
    return this;
  }

  async openEndpoints(client: string, options: EndpointOptions = {}): Promise<Endpoints> {
    const { hops } = endpointSettings(client, options);
    return this.#listen(client, hops, { imdsPort: 0, s3Port: 0, stsPort: 0, containerPort: 0 });
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

  environment(options: string | EnvironmentOptions = {}): Record<string, string> {
    const { via, client = FIRST_CLIENT } = environmentSettings(options);
    const endpoints = this.#endpointsOf(client);
    if (via === "imds-ipv6" && endpoints.imdsIpv6Url === undefined) {
      const message = "is imds-ipv6: expected another one, or a simulator that was started with ipv6";
      throw new InvalidInputError("environment", [{ field: "via", message }]);
    }
    return environmentOf(via, {
      endpoints,
      isLinkLocal: this.#isLinkLocal && client === FIRST_CLIENT,
      region: this.#region,
      container: this.#container,
      tokens: this.#tokens,
      taskRoleArn: () => this.#taskRoleArn(),
      userKey: () => this.#userKey(),
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(client: string, hops: number, ports: ServicePorts): Promise<Endpoints> {
    const imdsHandlers = this.#gate.before("imds", client, { request: this.#imds.listener(client, hops) });
    const s3Handlers = this.#gate.before("s3", client, this.#s3.handlers(client));
    const imds = await this.#add("imds", ports.imdsPort, imdsHandlers);
    const ipv6 = this.#hasIpv6 ? await this.#add("imds", 0, imdsHandlers, "::1") : undefined;
    const s3 = await this.#add("s3", ports.s3Port, s3Handlers);
    const sts = await this.#add("sts", ports.stsPort, { request: this.#upToDate(this.#sts.listener(client)) });
    const container = await this.#add("container", ports.containerPort, {
      request: this.#upToDate(this.#container.listener(client)),
    });
    const endpoints: Endpoints = Object.freeze({
      imdsUrl: imds.url,
      s3Url: s3.url,
      stsUrl: sts.url,
      containerUrl: container.url,
      imdsIpv6Url: ipv6?.url,
    });
    this.#endpoints.set(client, endpoints);
    return endpoints;
  }

  /** The places where programs look that cannot be told another one. */
  async #listenOnLinkLocal(hops: number): Promise<void> {
    const imds = this.#gate.before("imds", FIRST_CLIENT, { request: this.#imds.listener(FIRST_CLIENT, hops) });
    const container = this.#upToDate(this.#container.listener(FIRST_CLIENT));
    await this.#add("imds", 80, imds, "169.254.169.254");
    await this.#add("container", 80, { request: container }, "169.254.170.2");
    this.#isLinkLocal = true;
  }

  async #openAdmin(port: number): Promise<void> {
    const target = {
      clock: this.clock,
      journal: this.journal,
      fault: (name: FaultName, options: FaultOptions) => this.fault(name, options),
      activeFaults: () => this.activeFaults(),
      why: (requestId: string) => this.why(requestId),
      urls: () => ({ ...this.#endpointsOf(FIRST_CLIENT) }),
      role: this.instance,
    };
    this.#admin = await listen(port, "the admin API", { request: withPage(this.#page, adminListener(target)) });
  }

  async #add(service: PlayedService, port: number, handlers: Handlers, host?: LoopbackHost): Promise<Listening> {
    this.#assertOpen();
    const listening = await listen(port, SERVICE_NAMES[service], handlers, host);
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

  /** A revocation that is due must have happened before anybody judges credentials or hands them out. */
  #upToDate(listener: Handlers["request"]): Handlers["request"] {
    return (incoming, outgoing) => {
      this.#faults.catchUp();
      listener(incoming, outgoing);
    };
  }

  #taskRoleArn(): string {
    const { partition, accountId } = this.instance.description;
    return `arn:${partition}:iam::${accountId}:role/${TASK_ROLE}`;
  }

  #userKey(): IssuedCredential {
    const { partition, accountId } = this.instance.description;
    return this.#ledger.longTermKey(USER, iamUser(partition, accountId, USER, this.#seed));
  }

  /** What faults can do to all of this. */
  #world(roles: readonly InstanceRole[], news: CredentialNews): World {
    return {
      holdRotation(at) {
        for (const role of roles) role.hold(at);
      },
      releaseRotation(at) {
        for (const role of roles) role.release(at);
      },
      revokeCredentials(at) {
        for (const role of roles) role.revoke(at);
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
    this.#tokens.close();
    await Promise.all(this.#listening.map(({ at }) => at.close()));
    this.#s3.close();
    this.#page?.close();
    await this.#admin?.close();
    await this.#journalFile?.close();
  }
}

function maxSkewMs(clock: Clock): number {
  const speed = clock instanceof VirtualClock ? clock.speed : 1;
  return MAX_SKEW_MS + Math.max(0, speed - 1) * ON_ITS_WAY_MS;
}
