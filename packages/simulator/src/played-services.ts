/**
 * What a simulator is made of, without its sockets: the services on one ledger, one clock and one journal, the faults that
 * get in their way, and what those can do to them.
 */

import { type Clock, VirtualClock } from "@evertoken/core";
import { IdentityTokens } from "./container/identity-token.js";
import { ContainerService } from "./container/service.js";
import type { Asker } from "./endpoints.js";
import { FaultBoard } from "./faults/board.js";
import type { World } from "./faults/fault.js";
import { Gate } from "./gate/gate.js";
import { assumedRole, iamUser } from "./iam.js";
import { ImdsService } from "./imds-service.js";
import { SimulatedInstance } from "./instance/instance.js";
import { InstanceRole } from "./instance-role.js";
import { CredentialNews, tellOfFaults } from "./journal/telling.js";
import type { Journal } from "./journal.js";
import { type IssuedCredential, Ledger } from "./ledger.js";
import type { Handlers } from "./listener.js";
import type { SimulatorSettings } from "./options.js";
import type { DataFolder } from "./s3/disk.js";
import { S3Service } from "./s3/service.js";
import { seededHex, seededNumber } from "./seeded.js";
import type { Service } from "./services.js";
import { ShiftedClock } from "./shifted-clock.js";
import { StsService } from "./sts/service.js";

/** S3 refuses requests whose timestamp is further off. */
const MAX_SKEW_MS = 15 * 60_000;

/** Real time that a request may be on its way: on a fast clock it counts as skew, which no network causes. */
const ON_ITS_WAY_MS = 5000;

/** What the pod or task is allowed to be, and the user for whom there is a long-term access key. */
const TASK_ROLE = "evertoken-task-role";
const USER = "evertoken-user";

interface Surroundings {
  readonly journal: Journal;
  /** Where S3 keeps everything; undefined: in memory. */
  readonly folder: DataFolder | undefined;
  /** Whether the ports of a service take connections. */
  readonly setAccepting: World["setAccepting"];
}

export class PlayedServices {
  readonly instance: SimulatedInstance;
  readonly container: ContainerService;
  readonly tokens: IdentityTokens;
  readonly faults: FaultBoard;
  readonly #seed: number;
  readonly #ledger: Ledger;
  readonly #gate: Gate;
  readonly #s3Clock: ShiftedClock;
  readonly #imds: ImdsService;
  readonly #s3: S3Service;
  readonly #sts: StsService;

  constructor(settings: SimulatorSettings, { journal, folder, setAccepting }: Surroundings) {
    const { clock, seed, region } = settings;
    const news = new CredentialNews(journal, () => clock.now());
    const ledger = new Ledger(seed, news.issued);
    this.#seed = seed;
    this.#ledger = ledger;
    this.instance = instanceOf(settings, ledger);
    const taskRole = this.#taskRole(settings);
    const common = { clock, journal, seed };
    const { extendedCredentials, imdsLimits: limits } = settings;
    this.#imds = new ImdsService({ ...common, instance: this.instance, extendedCredentials, limits });
    this.tokens = new IdentityTokens(clock, seed, region);
    const { tokens } = this;
    this.container = new ContainerService({
      ...common,
      role: taskRole,
      roleArn: () => this.taskRoleArn(),
      accountId: () => this.instance.description.accountId,
      tokens,
    });
    const skew = { maxSkewMs: () => maxSkewMs(clock) };
    this.#sts = new StsService({ ...common, ...skew, ledger, tokens, region });
    const { createBuckets } = settings;
    this.#s3Clock = new ShiftedClock(clock);
    this.#s3 = new S3Service({
      ...skew,
      clock: this.#s3Clock,
      ledger,
      // However wrong S3's clock is, the journal's is right.
      journal: { record: (entry) => journal.record(entry, entry.at - this.#s3Clock.offMs) },
      region,
      seed,
      createBuckets,
      folder,
    });
    this.#gate = new Gate({ clock, journal, ledger, faults: () => this.faults });
    const roles = [this.instance.role, this.instance.ec2Role, taskRole];
    const world = { ...this.#world(roles, news), setAccepting };
    const tools = { clock, ledger, world, handedOut: news.swapped };
    this.faults = new FaultBoard({ timeline: settings.timeline, seed, tools });
    tellOfFaults(journal, this.faults);
    this.faults.catchUp();
  }

  /** What answers requests to a service: behind the gate, where faults strike. */
  handlers(service: Service, { client, hops }: Asker): Handlers {
    const handlers: Readonly<Record<Service, () => Handlers>> = {
      imds: () => ({ request: this.#imds.listener(client, hops) }),
      container: () => ({ request: this.container.listener(client) }),
      sts: () => ({ request: this.#sts.listener(client) }),
      s3: () => this.#s3.handlers(client),
    };
    return this.#gate.before(service, client, handlers[service]());
  }

  taskRoleArn(): string {
    const { partition, accountId } = this.instance.description;
    return `arn:${partition}:iam::${accountId}:role/${TASK_ROLE}`;
  }

  userKey(): IssuedCredential {
    const { partition, accountId } = this.instance.description;
    return this.#ledger.longTermKey(USER, iamUser(partition, accountId, USER, this.#seed));
  }

  /** No fault begins any more, and no answer is held back. */
  endFaults(): void {
    this.faults.close();
    this.#gate.close();
  }

  /** When nobody can ask any more. */
  close(): void {
    this.tokens.close();
  }

  #taskRole({ clock, seed, credentialLifetimeMs: lifetimeMs, rotationIntervalMs }: SimulatorSettings): InstanceRole {
    return new InstanceRole({
      ledger: this.#ledger,
      roleName: TASK_ROLE,
      startedAt: clock.now(),
      lifetimeMs,
      rotationIntervalMs,
      seed: seededNumber(seed, "rotation/task"),
      caller: (roleName) => assumedRole({ ...this.instance.description, roleName }, seededHex(seed, "task", 32), seed),
    });
  }

  /** What faults can do to all of this. */
  #world(roles: readonly InstanceRole[], news: CredentialNews): Omit<World, "setAccepting"> {
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
    };
  }
}

function instanceOf(settings: SimulatorSettings, ledger: Ledger): SimulatedInstance {
  const { clock, seed, region, roleName, credentialLifetimeMs: lifetimeMs, rotationIntervalMs } = settings;
  return new SimulatedInstance({
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
}

function maxSkewMs(clock: Clock): number {
  const speed = clock instanceof VirtualClock ? clock.speed : 1;
  return MAX_SKEW_MS + Math.max(0, speed - 1) * ON_ITS_WAY_MS;
}
