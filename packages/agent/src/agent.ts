/**
 * The agent: one Keeper for the host's own identity, one for each assumed role, loaded before the ports open, and the doors
 * through which they are handed out. This file puts the parts together and takes them apart again; what they do is theirs.
 */

import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describeError, EvertokenError, InvalidInputError } from "@evertoken/core";
import { type CredentialSource, createKeeper, fromDefaultChain } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";
import { observe, observeTroubles } from "@evertoken/telemetry";
import { type ExportedMetrics, exportMetrics } from "@evertoken/telemetry/export";
import { AdminEndpoint } from "./admin-endpoint.js";
import { type AgentFile, writeAgentFile } from "./agent-file.js";
import { fromAssumedRole } from "./assumed-role.js";
import { Authorization } from "./authorization.js";
import { clientOf } from "./callers.js";
import { Categories } from "./categories.js";
import { ClockSteps } from "./clock-steps.js";
import { ContainerEndpoint, type OnIssued, OWN_PATH, rolePath, type ServedRole } from "./container-endpoint.js";
import { Doors, type HandedSockets } from "./doors.js";
import type { Handler } from "./exchange.js";
import { ImdsEndpoint } from "./imds-endpoint.js";
import { Issuer } from "./issuer.js";
import { sessionKey, stateKey } from "./keys.js";
import { AgentLog } from "./log.js";
import {
  type AgentConfig,
  type AgentOptions,
  type AgentSettings,
  agentSettings,
  assertPeersAreTold,
  needRestart,
} from "./options.js";
import type { Owner } from "./private-file.js";
import { become, resolveUser } from "./privileges.js";
import { RateLimit } from "./rate-limit.js";
import { SessionTokens } from "./session-tokens.js";
import { tellOfSource } from "./source-log.js";
import { machineId, StateFile } from "./state-file.js";
import { type AgentStatus, heldStatus } from "./status.js";
import { Troubles } from "./troubles.js";
import { Usage } from "./usage.js";
import { WarmSource } from "./warm-source.js";
import { Watched } from "./watched.js";

export interface Agent {
  /** `http://127.0.0.1:9820`; the path of the host's own identity is `/v1/credentials`. */
  readonly containerUrl: string;
  readonly imdsUrl: string | undefined;
  readonly adminUrl: string;
  /** The file with the authorization token of the host's own identity. */
  readonly tokenFile: string;
  status(): AgentStatus;
  /** Puts new authorization tokens into their files; those before stay good for ten minutes, and for longer if they cannot be written. */
  rotateTokens(): Promise<void>;
  /**
   * Applies another configuration: hosts, callers, metadata, readiness, draining. One that is wrong changes nothing, and the
   * log says so. What cannot change while it runs is named in the log, too.
   * @param read gives the whole configuration, as `startAgent` was given it.
   */
  reload(read: () => Promise<AgentConfig>): Promise<boolean>;
  /** Takes no more connections, answers what is under way, and ends. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The agent cannot keep its own files. */
export class DirectoryError extends EvertokenError {
  override readonly code = "DIRECTORY";
}

/** The source gave credentials that never end. */
export class PermanentCredentialsError extends EvertokenError {
  override readonly code = "PERMANENT_CREDENTIALS";
}

/** The name of the host's own identity among the roles. */
const OWN = "default";

/** What the agent can have trouble with, as status and health call it. */
const LOG = "the log";
const TOKENS = "authorization tokens";
const AGENT_FILE = "agent.json";

/**
 * @example
 * const agent = await startAgent({ port: 9820 });
 *
 * @throws InvalidInputError when an option is not what it must be; ListenError when a port is taken;
 * PermanentCredentialsError when the source gives keys of a user; FileNotPrivateError when others can read its files; DirectoryError when it cannot write them.
 */
export async function startAgent(options: AgentOptions = {}, sockets: HandedSockets = {}): Promise<Agent> {
  const settings = agentSettings(options);
  const metrics = await exportMetrics({ prometheus: {}, serviceName: "evertoken-agent" });
  const agent = new HostAgent(settings, sockets, metrics);
  try {
    await agent.open();
    return agent;
  } catch (error) {
    await agent.close();
    throw error;
  }
}

class HostAgent implements Agent {
  readonly #log: AgentLog;
  readonly #troubles: Troubles;
  readonly #clockSteps: ClockSteps;
  readonly #usage = new Usage();
  readonly #startedAt: number;
  readonly #sockets: HandedSockets;
  readonly #doors: Doors;
  readonly #roles: ServedRole[] = [];
  readonly #closers: (() => void)[] = [];
  readonly #metrics: ExportedMetrics;
  #settings: AgentSettings;
  #categories: Categories | undefined;
  readonly #watched: Watched | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: AgentSettings, sockets: HandedSockets, metrics: ExportedMetrics) {
    const { clock, logLevel: level, logTo: destination } = settings;
    this.#settings = settings;
    this.#sockets = sockets;
    this.#metrics = metrics;
    this.#startedAt = clock.now();
    const onOutput = (error?: Error) => {
      if (error === undefined) this.#troubles.over(LOG);
      else this.#troubles.note(LOG, "the log could not be written: lines wait, and are lost beyond 16 MiB", error);
    };
    this.#log = new AgentLog({ clock, level, destination, onOutput });
    this.#troubles = new Troubles(clock, this.#log);
    this.#closers.push(observeTroubles(() => this.#troubles.current, metrics));
    this.#clockSteps = new ClockSteps(clock, (step) => this.#onClockStep(step.byMs));
    this.#doors = new Doors({
      settings,
      sockets,
      before: () => this.#clockSteps.look(),
      now: () => this.#own.issuer.sourceNow(),
      onRefused: (refusal, address, door) => {
        this.#usage.noteRefused(refusal.kind);
        this.#log.refused(refusal, address, door);
      },
    });
    if (settings.page !== undefined) this.#watched = new Watched(settings.page, clock);
  }

  get containerUrl(): string {
    return this.#doors.url("container") ?? "";
  }

  get imdsUrl(): string | undefined {
    return this.#doors.url("imds");
  }

  get adminUrl(): string {
    return this.#doors.url("admin") ?? "";
  }

  get tokenFile(): string {
    return this.#own.authorization.file;
  }

  async open(): Promise<void> {
    const { directory, user } = this.#settings;
    const owner = user === undefined ? undefined : await resolveUser(user);
    await keeping(directory, async () => {
      await mkdir(directory, { recursive: true, mode: 0o755 });
      if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
    });
    await this.#load(owner);
    const key = await keeping(directory, () => sessionKey(join(directory, "session-key"), owner));
    await this.#listen(new SessionTokens(key, this.#settings.clock), owner);
    // With the ports ours, the files are: one started by mistake beside another must not lock that one's clients out.
    await keeping(directory, () => Promise.all(this.#roles.map(({ authorization }) => authorization.publish())));
    if (owner !== undefined) become(owner);
    await this.#leaveAddress(owner);
    const { accessKeyId, secondsLeft } = this.status().credentials[0] ?? {};
    this.#log.info("the agent answers", { ...this.#file(), accessKeyId, secondsLeft });
  }

  status(): AgentStatus {
    const { readySeconds, clock } = this.#settings;
    const credentials = this.#roles.map(({ issuer, path }) => heldStatus(issuer, path));
    const [own] = credentials;
    return {
      pid: process.pid,
      now: clock.now(),
      startedAt: this.#startedAt,
      ready: own?.served === true && own.secondsLeft > readySeconds,
      readySeconds,
      container: this.containerUrl,
      imds: this.imdsUrl,
      socket: this.#doors.url("socket"),
      admin: this.adminUrl,
      credentials,
      answers: this.#usage.answers,
      clients: this.#usage.clients(),
      refused: this.#usage.refused(),
      troubles: this.#troubles.current,
      lastClockStep: this.#clockSteps.last,
    };
  }

  async rotateTokens(): Promise<void> {
    try {
      for (const { authorization } of this.#roles) await authorization.rotate();
    } catch (error) {
      this.#troubles.note(TOKENS, `new ${TOKENS} cannot be written`, error);
      return;
    }
    this.#troubles.over(TOKENS);
    await this.#leaveAddress();
    this.#log.info("new authorization tokens; those before are good for ten more minutes");
  }

  async reload(read: () => Promise<AgentConfig>): Promise<boolean> {
    let next: AgentSettings;
    try {
      next = agentSettings(await read(), "configuration");
      assertPeersAreTold(next.callers, this.#doors.areOnUnixSocket, "configuration");
    } catch (error) {
      this.#log.error("the configuration is refused: the settings stay as they were", { error: describeError(error) });
      return false;
    }
    const restart = needRestart(this.#settings, next);
    const { allowedHosts, callers, metadata, readySeconds, drainMs } = next;
    this.#settings = Object.freeze({ ...this.#settings, allowedHosts, callers, metadata, readySeconds, drainMs });
    this.#doors.apply(this.#settings);
    this.#categories?.allow(metadata);
    await this.#leaveAddress();
    this.#log.info("the configuration is in force", restart.length === 0 ? {} : { needRestart: restart });
    return true;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #own(): ServedRole {
    const [own] = this.#roles;
    if (own === undefined)
      throw new InvalidInputError("agent", [{ field: "roles", message: "expected at least its own" }]);
    return own;
  }

  /** Asks all sources once, before anybody can ask us. */
  async #load(owner: Owner | undefined): Promise<void> {
    const { clock, random, assumeRoles, source: given, state } = this.#settings;
    const source = given ?? fromDefaultChain({ clock, random });
    if (given === undefined) this.#closers.push(() => source.close?.());
    const warm = state === undefined ? undefined : await this.#warm(source, owner);
    const own = await this.#serve(OWN, OWN_PATH, warm ?? source, owner);
    await own.issuer.open();
    if (own.issuer.holdsPermanent) {
      throw new PermanentCredentialsError(
        `${source.name} gives permanent keys, which have no end to judge by and are not handed out: let the agent find a role: of the instance, of a container, by a web identity, or by a profile with role_arn.`,
      );
    }
    if (warm?.answeredFromState === true) own.keeper.refresh().catch(() => {});
    const assumed = Object.entries(assumeRoles).map(async ([name, arn]) => {
      const role = await this.#serve(name, rolePath(name), fromAssumedRole(name, arn, own.keeper), owner);
      await role.issuer.open();
    });
    await Promise.all(assumed);
  }

  async #warm(source: CredentialSource, owner: Owner | undefined): Promise<WarmSource> {
    const { clock, state } = this.#settings;
    const { file = "", keyFile = "" } = state ?? {};
    const key = await stateKey(keyFile);
    const stateFile = new StateFile({ path: file, key, machine: await machineId(), owner });
    return new WarmSource({ source, state: stateFile, clock, log: this.#log, troubles: this.#troubles });
  }

  async #serve(name: string, path: string, source: CredentialSource, owner: Owner | undefined) {
    const { clock, random, directory, tokenFileMode: mode, keepTokens: keep } = this.#settings;
    const keeper = createKeeper({ source, clock, random });
    this.#closers.push(() => keeper.close());
    this.#closers.push(this.#observe(keeper, name));
    this.#closers.push(tellOfSource(name, keeper, this.#log));
    const issuer = new Issuer({ name, keeper, clock, random });
    this.#closers.push(() => issuer.close());
    const file = join(directory, name === OWN ? "authorization-token" : `authorization-token.${name}`);
    const authorization = await Authorization.create({ file, mode, keep, owner, clock });
    const role = { path, issuer, authorization };
    this.#roles.push(role);
    return { ...role, keeper };
  }

  #observe(target: Parameters<typeof observe>[0], name: string): () => void {
    this.#watched?.lane.observe(target, name);
    // The names of roles may be longer than those of what is observed.
    return observe(target, { meterProvider: this.#metrics.meterProvider, name: name.slice(0, 40) });
  }

  async #listen(sessionTokens: SessionTokens, owner: Owner | undefined): Promise<void> {
    const { host, port, imdsPort, adminHost, adminPort, socket, limits, clock, metadata } = this.#settings;
    const wrongTokens = new RateLimit(clock, limits.wrongTokensPerMinute);
    const container = new ContainerEndpoint(this.#roles, wrongTokens, this.#onIssued);
    const handleContainer: Handler = (exchange) => container.handle(exchange);
    await this.#doors.open("container", { host, port }, handleContainer);
    if (this.#sockets.socket !== undefined) await this.#doors.open("socket", { path: "" }, handleContainer);
    else if (socket !== undefined) await this.#doors.openSocket(socket, owner, handleContainer);
    if (imdsPort !== undefined || this.#sockets.imds !== undefined) {
      const imds = this.#settings.imds ?? createImdsClient({ clock });
      if (this.#settings.imds === undefined) this.#closers.push(() => imds.close());
      this.#closers.push(this.#observe(imds, "categories"));
      this.#categories = new Categories({ imds, clock, allowed: metadata });
      const endpoint = new ImdsEndpoint({
        issuer: this.#own.issuer,
        sessionTokens,
        categories: this.#categories,
        misses: new RateLimit(clock, limits.missesPerMinute),
        onIssued: this.#onIssued,
      });
      await this.#doors.open("imds", { host, port: imdsPort ?? 0 }, (exchange) => endpoint.handle(exchange));
    }
    this.#watched?.start();
    const admin = new AdminEndpoint({ status: () => this.status(), scrape: () => this.#metrics.scrape() });
    const handleAdmin: Handler = (exchange) => admin.handle(exchange);
    await this.#doors.open("admin", { host: adminHost, port: adminPort }, handleAdmin, this.#watched?.page);
    assertPeersAreTold(this.#settings.callers, this.#doors.areOnUnixSocket, "agent options");
  }

  #onClockStep(byMs: number): void {
    this.#log.warn(`this host's clock was set ${byMs < 0 ? "back" : "forward, or the host slept"}`, { byMs });
    for (const { issuer } of this.#roles) issuer.noteClockStep(byMs);
  }

  readonly #onIssued: OnIssued = ({ via, caller, request }, role, { generation, accessKeyId, expiresAt }) => {
    const userAgent = request.headers["user-agent"];
    this.#usage.note(clientOf(caller), this.#settings.clock.now());
    this.#watched?.lane.noteRequest({});
    this.#log.issued({ caller, userAgent, via, role, generation, accessKeyId, expiresAt });
  };

  /** Again with each change, in case that it could not be written before. */
  async #leaveAddress(owner?: Owner): Promise<void> {
    try {
      await writeAgentFile(this.#settings.directory, this.#file(), owner);
      this.#troubles.over(AGENT_FILE);
    } catch (error) {
      const what = `${AGENT_FILE} cannot be written: who looks for the agent finds where it was before`;
      this.#troubles.note(AGENT_FILE, what, error);
    }
  }

  #file(): AgentFile {
    const roles = this.#roles.map(({ path, issuer, authorization }) => [
      issuer.name,
      { path, tokenFile: authorization.file },
    ]);
    return {
      pid: process.pid,
      container: this.containerUrl,
      imds: this.imdsUrl,
      socket: this.#doors.url("socket"),
      admin: this.adminUrl,
      roles: Object.fromEntries(roles),
    };
  }

  async #close(): Promise<void> {
    const { drainMs } = this.#settings;
    this.#watched?.close();
    await this.#doors.drain(drainMs);
    for (const close of this.#closers.reverse()) close();
    await this.#metrics.close();
    this.#log.info("the agent has ended");
    await this.#log.flush();
  }
}

/** What the file system refuses is told with the directory, and what to do. */
async function keeping<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof EvertokenError) throw cause;
    throw new DirectoryError(
      `the agent cannot write its files to ${directory} (${describeError(cause)}): let its user write there, or choose another (directory).`,
      { cause },
    );
  }
}
