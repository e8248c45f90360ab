/** The metadata client: a category in, its value out, with a session token that nobody has to think of. */

import { type EventSource, parseJsonObject } from "@evertoken/core";
import {
  Categories,
  type InstanceIdentity,
  type MaintenanceEvent,
  type NetworkInterface,
  type SpotInstanceAction,
} from "./categories.js";
import { expired } from "./errors.js";
import type { ImdsOptions } from "./options.js";
import { type CredentialsOptions, type GetOptions, type ImdsCredentials, RoleCredentials } from "./role-credentials.js";
import { type ImdsEvents, Session } from "./session.js";
import { type WatchOptions, watch } from "./watch.js";

/**
 * Reads the instance metadata service, version 2. All methods throw `ImdsError` with a `code` that tells what to do, or
 * the reason of their `signal`; with a bad path, or a bad value in the shared config file, `InvalidInputError`.
 */
export interface ImdsClient extends EventSource<ImdsEvents> {
  /** As far as it is known: an endpoint in the shared config file is read with the first request. */
  readonly endpoint: string;
  /** The text of any category: `get("/latest/meta-data/ami-id")`. */
  get(path: string, options?: GetOptions): Promise<string>;
  /** A category whose value is a JSON object. */
  getJson(path: string, options?: GetOptions): Promise<Record<string, unknown>>;
  /** The lines of a listing: `list("/latest/meta-data/")`. */
  list(path: string, options?: GetOptions): Promise<string[]>;
  /** Yields the text of a category now and at each change, `undefined` while it has none. Polite: every five seconds. @throws InvalidInputError */
  watch(path: string, options?: WatchOptions): AsyncGenerator<string | undefined, void, void>;

  /** The name of the role that is attached to this instance. */
  roleName(options?: GetOptions): Promise<string>;
  /**
   * That role's credentials as IMDS hands them out now.
   * @throws ImdsError `IMDS_EXPIRED_CREDENTIALS` when they have run out already, judged by IMDS's own clock.
   */
  credentials(options?: CredentialsOptions): Promise<ImdsCredentials>;

  /** This instance's region: `eu-central-1`. */
  region(options?: GetOptions): Promise<string>;
  availabilityZone(options?: GetOptions): Promise<string>;
  instanceId(options?: GetOptions): Promise<string>;
  instanceType(options?: GetOptions): Promise<string>;
  instanceIdentity(options?: GetOptions): Promise<InstanceIdentity>;
  /** Empty when access to tags in metadata is off, which is the default of EC2. */
  tags(options?: GetOptions): Promise<Readonly<Record<string, string>>>;
  /** What is about to happen to this spot instance; undefined most of the time. */
  spotInstanceAction(options?: GetOptions): Promise<SpotInstanceAction | undefined>;
  /** When EC2 noticed that this spot instance is at elevated risk of interruption. */
  rebalanceRecommendation(options?: GetOptions): Promise<Date | undefined>;
  maintenanceEvents(options?: GetOptions): Promise<readonly MaintenanceEvent[]>;
  networkInterfaces(options?: GetOptions): Promise<readonly NetworkInterface[]>;
  /** Undefined when the instance was started without any. */
  userData(options?: GetOptions): Promise<string | undefined>;

  /** How far this host's clock is behind (+) or ahead (−) of IMDS's, in milliseconds, by its last answer. */
  skewMs(): number;
  /** Closes its connections. Later calls throw `ClosedError`. */
  close(): void;
}

/**
 * @example
 * const imds = createImdsClient({ timeoutMs: 500 });
 * const region = await imds.region();
 *
 * @throws InvalidInputError when an option or environment variable is not what it must be.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
export function createImdsClient(options: ImdsOptions = {}): ImdsClient {
  const session = new Session(options);
  const read = session.read.bind(session);
  const categories = new Categories(read);
  let role: RoleCredentials | undefined;
  const attachedRole = async () => {
    const { instanceProfileName } = await session.completeSettings();
    role ??= new RoleCredentials(read, instanceProfileName);
    return role;
  };
  const credentials = async ({ allowExpired = false, ...options }: CredentialsOptions) => {
    const handedOut = await (await attachedRole()).credentials(options);
    const { clock, endpoint } = session.settings;
    const { accessKeyId, expiration } = handedOut;
    if (allowExpired || expiration.getTime() > clock.now() + session.skewMs) return handedOut;
    throw expired(endpoint, accessKeyId, expiration);
  };
  return {
    get endpoint() {
      return session.settings.endpoint;
    },
    on: (event, listener) => session.on(event, listener),
    get: (path, options = {}) => read(path, (text) => text, options),
    getJson: (path, options = {}) => read(path, parseJsonObject, options),
    list: (path, options = {}) => read(path, (text) => text.split("\n").filter((line) => line !== ""), options),
    watch: (path, options = {}) => watch(path, read, session.settings, options),
    roleName: async (options = {}) => (await attachedRole()).roleName(options),
    credentials: (options = {}) => credentials(options),
    region: (options = {}) => categories.word("placement/region", options),
    availabilityZone: (options = {}) => categories.word("placement/availability-zone", options),
    instanceId: (options = {}) => categories.word("instance-id", options),
    instanceType: (options = {}) => categories.word("instance-type", options),
    instanceIdentity: (options = {}) => categories.identity(options),
    tags: (options = {}) => categories.tags(options),
    spotInstanceAction: (options = {}) => categories.spotInstanceAction(options),
    rebalanceRecommendation: (options = {}) => categories.rebalanceRecommendation(options),
    maintenanceEvents: (options = {}) => categories.maintenanceEvents(options),
    networkInterfaces: (options = {}) => categories.networkInterfaces(options),
    userData: (options = {}) => categories.userData(options),
    skewMs: () => session.skewMs,
    close: () => session.close(),
  };
}
