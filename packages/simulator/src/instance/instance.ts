/**
 * The instance that IMDS tells of: what it is, its role, its metadata options, and what EC2 has announced to it. All of it
 * can be changed while the simulator runs.
 */

import { check, InvalidInputError } from "@evertoken/core";
import { imdsProtocol } from "@evertoken/imds";
import { assumedRole } from "../iam.js";
import { type Categories, categories, listing, printed } from "../imds-categories.js";
import { InstanceRole } from "../instance-role.js";
import { instant } from "../instant.js";
import type { IssuedCredential, Ledger } from "../ledger.js";
import { seededBase32, seededHex, seededNumber } from "../seeded.js";
import { describeInstance, type InstanceDescription } from "./description.js";
import {
  type Announced,
  eventCategories,
  type InstanceEvent,
  instanceEvent,
  type PlannedInstanceEvent,
} from "./events.js";
import { InstanceIdentity } from "./identity.js";
import {
  changedOptions,
  DEFAULT_METADATA_OPTIONS,
  type MetadataOptions,
  type MetadataOptionsInput,
  metadataOptions,
} from "./metadata-options.js";
import { type InstanceOverrides, instanceOverrides, readInstanceFile } from "./overrides.js";

/** The instance, as the code that started the simulator sees it. */
export interface Instance {
  /** What IMDS tells from now on follows from this. */
  readonly description: InstanceDescription;
  /** The role that is attached now; undefined: none, and IMDS answers 404 where its credentials would be. */
  readonly roleName: string | undefined;
  readonly metadataOptions: MetadataOptions;
  /** PEM: the signatures of the identity document verify against it, in the place of AWS's public certificates. */
  readonly certificate: string;
  /**
   * Attaches a role, in the place of the one that is there. Its credentials are new; those of before live on to their end.
   * @throws InvalidInputError for what cannot be the name of a role.
   */
  attachRole(roleName: string): void;
  detachRole(): void;
  /** @throws InvalidInputError for an option that is not what it must be: nothing is changed then. */
  modifyMetadataOptions(options: MetadataOptionsInput): void;
  /**
   * EC2 announces something, now.
   * @throws InvalidInputError for an unknown event, and for a Spot interruption of what is no Spot Instance.
   */
  announce(event: InstanceEvent): void;
  /**
   * Describes the instance anew: what is not given follows from the seed.
   * @throws InvalidInputError naming the field that is wrong: nothing is changed then.
   */
  override(overrides: InstanceOverrides): void;
  /**
   * Reads a YAML or JSON file of overrides; without a path, the last one once more.
   * @throws InvalidInputError naming the file, and the line or field that is wrong: nothing is changed then.
   */
  load(path?: string): Promise<void>;
}

export interface SimulatedInstanceOptions {
  readonly now: () => number;
  readonly ledger: Ledger;
  readonly seed: number;
  readonly region: string;
  readonly roleName: string | null;
  readonly lifetimeMs: number;
  readonly rotationIntervalMs: number;
  readonly metadataOptions: MetadataOptionsInput;
  readonly overrides: InstanceOverrides;
  /** Where the overrides were read, if it was a file. */
  readonly file: string | undefined;
  readonly events: readonly PlannedInstanceEvent[];
}

/** What is found below a path: its value, with the generation if it is a credential. */
export interface Found {
  readonly value: string;
  readonly contentType?: string;
  readonly generation?: number;
}

/** The role by which EC2 knows the instance itself. */
const EC2_ROLE = "aws:ec2-instance";

const ROLES = belowLatest(imdsProtocol.rolePath);
const EXTENDED_ROLES = belowLatest(imdsProtocol.extendedRolePath);
const INFO = "meta-data/iam/info";
const EC2_INFO = "meta-data/identity-credentials/ec2/info";
const EC2_CREDENTIALS = "meta-data/identity-credentials/ec2/security-credentials/ec2-instance";
/** Changes with time: these are made when they are asked for. */
const ABOUT_EVENTS = /^meta-data\/(?:events|spot|autoscaling)\//;

const HOUR_MS = 3_600_000;

export class SimulatedInstance implements Instance {
  readonly role: InstanceRole;
  /** The credentials of the instance itself, which EC2 keeps to its own tools. */
  readonly ec2Role: InstanceRole;
  readonly #now: () => number;
  readonly #seed: number;
  readonly #identity: InstanceIdentity;
  readonly #launchedAt: number;
  readonly #region: string;
  #overrides: InstanceOverrides = {};
  #file: string | undefined;
  #description: InstanceDescription;
  #categories: Categories = new Map();
  #options: MetadataOptions;
  #isAttached: boolean;
  /** In the order of their instants. */
  #planned: PlannedInstanceEvent[];
  #announced: Announced[] = [];

  constructor(options: SimulatedInstanceOptions) {
    const { now, ledger, seed, region, roleName, lifetimeMs, rotationIntervalMs } = options;
    this.#now = now;
    this.#seed = seed;
    this.#region = region;
    this.#launchedAt = now();
    this.#identity = new InstanceIdentity(seed);
    this.#options = changedOptions(DEFAULT_METADATA_OPTIONS, options.metadataOptions);
    this.#description = describeInstance(seed, region, this.#launchedAt);
    this.#isAttached = roleName !== null;
    const shared = { ledger, startedAt: this.#launchedAt, lifetimeMs, rotationIntervalMs };
    const caller = (name: string) =>
      assumedRole({ ...this.#description, roleName: name }, this.#description.instanceId, seed);
    this.role = new InstanceRole({ ...shared, seed, roleName: roleName ?? "", caller });
    this.ec2Role = new InstanceRole({
      ...shared,
      seed: seededNumber(seed, "rotation/ec2"),
      roleName: EC2_ROLE,
      caller,
    });
    this.#planned = [...options.events].sort((a, b) => a.atHours - b.atHours);
    this.override(options.overrides);
    this.#file = options.file;
    for (const { event } of this.#planned) this.#assertPossible(event);
  }

  get description(): InstanceDescription {
    return this.#description;
  }

  get roleName(): string | undefined {
    this.#catchUp();
    return this.#isAttached ? this.role.roleName : undefined;
  }

  get metadataOptions(): MetadataOptions {
    return this.#options;
  }

  get certificate(): string {
    return this.#identity.certificate();
  }

  attachRole(roleName: string): void {
    this.announce({ event: "role-attached", role: roleName });
  }

  detachRole(): void {
    this.announce({ event: "role-detached" });
  }

  modifyMetadataOptions(options: MetadataOptionsInput): void {
    this.#options = changedOptions(this.#options, check(metadataOptions, options, "metadata options"));
    this.#rebuild();
  }

  announce(event: InstanceEvent): void {
    check(instanceEvent, event, "event");
    this.#assertPossible(event.event);
    this.#catchUp();
    this.#happen(event, this.#now());
  }

  override(overrides: InstanceOverrides): void {
    this.#take(instanceOverrides(overrides, "instance", this.#region));
  }

  async load(path = this.#file): Promise<void> {
    if (path === undefined) {
      const message = "is missing: expected the path of a YAML or JSON file, as none has been read so far";
      throw new InvalidInputError("load", [{ field: "path", message }]);
    }
    this.#take(await readInstanceFile(path, this.#region));
    this.#file = path;
  }

  /** What stands at `path` (below `/latest/`): a value, or the listing of a directory; undefined: nothing. */
  find(path: string, extendedCredentials: boolean): Found | undefined {
    this.#catchUp();
    const { categories: replaced = {} } = this.#overrides;
    // Paths are the asker's choice: `constructor` is no category.
    if (Object.hasOwn(replaced, path)) return replaced[path] == null ? undefined : { value: replaced[path] };
    const known = this.#categories.get(path);
    if (known !== undefined) return { value: typeof known === "string" ? known : known() };
    if (path.startsWith("meta-data/i")) {
      const found = this.#findRole(path, extendedCredentials);
      if (found !== undefined) return found;
    }
    const events = ABOUT_EVENTS.test(path) ? this.#events() : undefined;
    const value = events?.get(path) ?? this.#list(path);
    return value === undefined ? undefined : { value };
  }

  #findRole(path: string, extendedCredentials: boolean): Found | undefined {
    const { accountId } = this.#description;
    if (path === EC2_INFO) {
      const { issuedAt } = this.ec2Role.current(this.#now());
      return { value: printed({ Code: "Success", LastUpdated: instant(issuedAt), AccountId: accountId }) };
    }
    if (path === EC2_CREDENTIALS) return credentials(this.ec2Role.current(this.#now()));
    if (!this.#isAttached) return undefined;
    const { roleName } = this.role;
    const roles = [ROLES, ...(extendedCredentials ? [EXTENDED_ROLES] : [])];
    if (roles.includes(path) || roles.includes(`${path}/`)) return { value: roleName };
    if (path === `${ROLES}${roleName}`) return credentials(this.role.current(this.#now()));
    if (extendedCredentials && path === `${EXTENDED_ROLES}${roleName}`) {
      return credentials(this.role.current(this.#now()), { AccountId: accountId });
    }
    return path === INFO ? { value: this.#profile(), contentType: "application/json" } : undefined;
  }

  #profile(): string {
    const { accountId, partition } = this.#description;
    const { roleName } = this.role;
    return printed({
      Code: "Success",
      LastUpdated: instant(this.role.current(this.#now()).issuedAt),
      InstanceProfileArn: `arn:${partition}:iam::${accountId}:instance-profile/${roleName}`,
      InstanceProfileId: `AIPA${seededBase32(this.#seed, `profile/${roleName}`, 17)}`,
    });
  }

  #list(path: string): string | undefined {
    const found = listing(this.#paths(), path);
    // EC2 lists key pairs with their names.
    const isKeys = /^meta-data\/public-keys\/?$/.test(path) && found === "0/";
    return isKeys ? `0=${this.#description.keyName}` : found;
  }

  *#paths(): Iterable<string> {
    const replaced = this.#overrides.categories ?? {};
    const own = [...this.#categories.keys(), ...this.#events().keys(), EC2_INFO, EC2_CREDENTIALS];
    if (this.#isAttached) own.push(INFO, `${ROLES}${this.role.roleName}`);
    for (const path of own) if (!Object.hasOwn(replaced, path)) yield path;
    for (const [path, value] of Object.entries(replaced)) if (value !== null) yield path;
  }

  #events(): Map<string, string> {
    const eventId = (number: number) => `instance-event-0${seededHex(this.#seed, `event/${number}`, 16)}`;
    return eventCategories(this.#announced, this.#now(), eventId);
  }

  #take(overrides: InstanceOverrides): void {
    const { categories: _, ...described } = overrides;
    const given = Object.entries(described).filter(([, value]) => value !== undefined);
    const own = describeInstance(this.#seed, this.#region, this.#launchedAt);
    this.#overrides = overrides;
    this.#description = Object.freeze({ ...own, ...Object.fromEntries(given) });
    this.#rebuild();
  }

  #rebuild(): void {
    const tags = this.#options.instanceMetadataTags === "enabled";
    this.#categories = categories(this.#description, { identity: this.#identity, tags });
  }

  #assertPossible(event: InstanceEvent["event"]): void {
    const { lifeCycle } = this.#description;
    if (event !== "spot-interruption" || lifeCycle === "spot") return;
    const message = `cannot come to an instance whose lifeCycle is ${lifeCycle}: describe it with lifeCycle "spot"`;
    throw new InvalidInputError("instance", [{ field: event, message }]);
  }

  /** Lets happen what is due, in the order of the instants. */
  #catchUp(): void {
    const now = this.#now();
    for (;;) {
      const next = this.#planned[0];
      if (next === undefined) return;
      const at = this.#launchedAt + next.atHours * HOUR_MS;
      if (at > now) return;
      this.#planned.shift();
      this.#happen(next, at);
    }
  }

  #happen(event: InstanceEvent, at: number): void {
    if (event.event === "role-attached") this.role.become(event.role, at);
    if (event.event === "role-attached" || event.event === "role-detached") {
      this.#isAttached = event.event === "role-attached";
    } else {
      this.#announced.push({ event, at, number: this.#announced.length + 1 });
    }
  }
}

function belowLatest(path: string): string {
  return path.slice("/latest/".length);
}

function credentials(credential: IssuedCredential, more: Readonly<Record<string, string>> = {}): Found {
  const document = {
    Code: "Success",
    LastUpdated: instant(credential.issuedAt),
    Type: "AWS-HMAC",
    AccessKeyId: credential.accessKeyId,
    SecretAccessKey: credential.secretAccessKey,
    Token: credential.sessionToken,
    Expiration: instant(credential.expiresAt),
    ...more,
  };
  return { value: printed(document), generation: credential.generation };
}
