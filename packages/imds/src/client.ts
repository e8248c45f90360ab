/**
 * The metadata client: a category in, its value out, with a session token that nobody has to think of.
 *
 * A request takes at most attempts × timeout, with pauses of at most 100, 200, 400 … ms in between, and as long again for
 * the session token if a new one is needed: with the defaults 3.3 s when IMDS swallows every packet, 6.6 s at the worst.
 */

import { abortable, ClosedError, createEvents, type EventSource, measureSkew, Secret } from "@evertoken/core";
import { type AttemptOptions, attempting } from "./attempts.js";
import { ImdsError } from "./errors.js";
import { imdsProtocol } from "./protocol.js";
import { type GetOptions, type ImdsCredentials, parseJsonObject, RoleCredentials } from "./role-credentials.js";
import { type GrantedToken, type SessionTokenHolder, sharedSessionToken } from "./session-token.js";
import { type ImdsOptions, type ImdsSettings, imdsSettings } from "./settings.js";
import { type Answer, type Exchange, Transport, UnreadableAnswer } from "./transport.js";

export type ImdsEvents = {
  /** IMDS answered, or did not. */
  request: {
    readonly method: "GET" | "PUT";
    readonly path: string;
    /** Undefined when there was no answer. */
    readonly status: number | undefined;
    readonly durationMs: number;
  };
};

/**
 * Reads the instance metadata service, version 2. All methods throw {@link ImdsError} with a `code` that tells what
 * to do, or the reason of their `signal`.
 */
export interface ImdsClient extends EventSource<ImdsEvents> {
  readonly endpoint: string;
  /** The text of any category: `get("/latest/meta-data/instance-id")`. */
  get(path: string, options?: GetOptions): Promise<string>;
  /** A category whose value is a JSON object. */
  getJson(path: string, options?: GetOptions): Promise<Record<string, unknown>>;
  /** The lines of a listing: `list("/latest/meta-data/")`. */
  list(path: string, options?: GetOptions): Promise<string[]>;
  /** The name of the role that is attached to this instance. */
  roleName(options?: GetOptions): Promise<string>;
  /** That role's credentials as IMDS hands them out now. */
  credentials(options?: GetOptions): Promise<ImdsCredentials>;
  /** This instance's region: `eu-central-1`. */
  region(options?: GetOptions): Promise<string>;
  /** The instance identity document. */
  instanceIdentity(options?: GetOptions): Promise<Record<string, unknown>>;
  /** How far this host's clock is behind (+) or ahead (−) of IMDS's, in milliseconds, by its last answer. */
  skewMs(): number;
  /** Closes its connections. Later calls throw {@link ClosedError}. */
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
  return new Client(imdsSettings(options));
}

class Client implements ImdsClient {
  readonly #settings: ImdsSettings;
  readonly #transport: Transport;
  readonly #sessionToken: SessionTokenHolder;
  readonly #role = new RoleCredentials((path, parse, options) => this.#read(path, parse, options));
  readonly #events = createEvents<ImdsEvents>();
  #skewMs = 0;
  #closed = false;

  constructor(settings: ImdsSettings) {
    this.#settings = settings;
    this.#transport = new Transport(settings.endpoint, settings.timeoutMs, settings.clock.network);
    this.#sessionToken = sharedSessionToken(settings.clock, settings.endpoint, settings.tokenTtlSeconds);
  }

  get endpoint(): string {
    return this.#settings.endpoint;
  }

  get(path: string, options: GetOptions = {}): Promise<string> {
    return this.#read(path, (text) => text, options);
  }

  getJson(path: string, options: GetOptions = {}): Promise<Record<string, unknown>> {
    return this.#read(path, parseJsonObject, options);
  }

  list(path: string, options: GetOptions = {}): Promise<string[]> {
    return this.#read(path, (text) => text.split("\n").filter((line) => line !== ""), options);
  }

  roleName(options: GetOptions = {}): Promise<string> {
    return this.#role.roleName(options);
  }

  credentials(options: GetOptions = {}): Promise<ImdsCredentials> {
    return this.#role.credentials(options);
  }

  region(options: GetOptions = {}): Promise<string> {
    return this.get(imdsProtocol.regionPath, options);
  }

  instanceIdentity(options: GetOptions = {}): Promise<Record<string, unknown>> {
    return this.getJson(imdsProtocol.identityDocumentPath, options);
  }

  skewMs(): number {
    return this.#skewMs;
  }

  on<K extends keyof ImdsEvents>(event: K, listener: (carried: ImdsEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  close(): void {
    this.#closed = true;
    this.#transport.close();
  }

  /** Reads one category: the token, the value and, when the token was refused, both once more. */
  async #read<T>(path: string, parse: (text: string) => T, options: GetOptions): Promise<T> {
    this.#assertUsable(path);
    const token = await this.#token(options);
    const first = await this.#get(path, token, parse, options);
    if (first.answer.status !== 401) return first.value();
    this.#sessionToken.invalidate(token);
    const second = await this.#get(path, await this.#token(options), parse, options);
    return second.value();
  }

  #token({ signal, attempts }: GetOptions): Promise<Secret> {
    // The request is shared, so one caller's signal must not end it for the others.
    return abortable(
      this.#sessionToken.get(() => this.#requestToken(attempts)),
      signal,
    );
  }

  async #requestToken(attempts: number | undefined): Promise<GrantedToken> {
    const path = imdsProtocol.tokenPath;
    const ttl = this.#settings.tokenTtlSeconds;
    const exchange: Exchange = { method: "PUT", path, headers: { [imdsProtocol.tokenTtlHeader]: String(ttl) } };
    const { answer } = await attempting(this.#settings, this.#attempt(exchange, attempts), async () => {
      const answer = await this.#exchange(exchange);
      // An opaque value of printable characters: anything else could not be sent back in a header.
      if (answer.status === 200 && !/^[\x21-\x7e]+$/.test(answer.body)) {
        throw new UnreadableAnswer("the answer to the token request is not a session token");
      }
      return { answer };
    });
    if (answer.status !== 200) throw this.#tokenRefused(answer.status);
    const granted = Number(answer.headers[imdsProtocol.tokenTtlHeader]);
    return { token: new Secret(answer.body), ttlSeconds: granted > 0 && granted <= ttl ? granted : ttl };
  }

  async #get<T>(path: string, token: Secret, parse: (text: string) => T, { signal, attempts }: GetOptions) {
    const exchange = { method: "GET", path, signal } as const;
    return attempting(this.#settings, this.#attempt(exchange, attempts), async () => {
      const answer = await this.#exchange({ ...exchange, headers: { [imdsProtocol.tokenHeader]: token.reveal() } });
      if (answer.status !== 200) {
        return {
          answer,
          value: (): T => {
            throw this.#refused(path, answer.status);
          },
        };
      }
      const value = parse(answer.body);
      return { answer, value: () => value };
    });
  }

  #attempt(
    { method, path, signal }: Pick<Exchange, "method" | "path" | "signal">,
    attempts = this.#settings.attempts,
  ): AttemptOptions {
    return { what: `${method} ${path}`, path, attempts, signal };
  }

  async #exchange(exchange: Exchange): Promise<Answer> {
    const { clock } = this.#settings;
    const { method, path } = exchange;
    const sentAt = clock.now();
    const startedAt = clock.network.monotonic();
    let status: number | undefined;
    try {
      const answer = await this.#transport.exchange(exchange);
      status = answer.status;
      this.#skewMs = measureSkew(answer.headers.date, sentAt, clock.now()) ?? this.#skewMs;
      return answer;
    } finally {
      this.#events.emit("request", { method, path, status, durationMs: clock.network.monotonic() - startedAt });
    }
  }

  #assertUsable(path: string): void {
    if (this.#closed) throw new ClosedError("this IMDS client is closed: create another one");
    if (this.#settings.disabled) {
      throw new ImdsError(
        "IMDS_DISABLED",
        "IMDS is switched off for this process: unset AWS_EC2_METADATA_DISABLED, or use another source of credentials.",
        { path },
      );
    }
    if (!path.startsWith("/")) {
      throw new ImdsError("IMDS_REFUSED", `path ${JSON.stringify(path)}: expected one that starts with "/"`, { path });
    }
  }

  #tokenRefused(status: number): ImdsError {
    const path = imdsProtocol.tokenPath;
    const advice =
      status === 403
        ? "The metadata service of this instance is switched off, or a proxy added X-Forwarded-For: check " +
          "HttpEndpoint in the instance's metadata options."
        : "What listens there does not offer IMDSv2; version 1 is never used, because a single failed request " +
          "would then leave this process without protection.";
    return new ImdsError(
      "IMDS_REFUSED",
      `IMDS at ${this.endpoint} refused a session token: it answered ${status} to PUT ${path}. ${advice}`,
      { path, statusCode: status },
    );
  }

  #refused(path: string, status: number): ImdsError {
    if (status === 404) {
      return new ImdsError("IMDS_NOT_FOUND", `IMDS at ${this.endpoint} has no ${path} (404).`, {
        path,
        statusCode: status,
      });
    }
    const advice =
      status === 401
        ? "It refused two session tokens that it had just granted: something between this process and IMDS may be " +
          "answering for it."
        : "Check that this process may read the metadata service.";
    return new ImdsError("IMDS_REFUSED", `IMDS at ${this.endpoint} refused GET ${path}: ${status}. ${advice}`, {
      path,
      statusCode: status,
    });
  }
}
