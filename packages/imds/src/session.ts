/**
 * One reading of IMDS from end to end: the settings, the session token, the attempts, and what an answer means.
 *
 * A request takes at most attempts × timeout, with pauses of at most 100, 200, 400 … ms in between, and as long again for
 * the session token if a new one is needed: with the defaults 4.3 s when IMDS swallows every packet (the last second to
 * find out why), 6.6 s at the worst.
 */

import { setMaxListeners } from "node:events";
import {
  abortable,
  ClosedError,
  createEvents,
  type EventSource,
  measureSkew,
  NoAnswerInTime,
  Secret,
  type SmallAnswer,
  SmallHttpClient,
  type SmallRequest,
  UnreadableAnswer,
} from "@evertoken/core";
import { type AttemptOptions, attempting } from "./attempts.js";
import { ImdsError, refused, tokenRefused } from "./errors.js";
import { diagnoseHopLimit } from "./hop-limit.js";
import { assertPath, type ImdsOptions } from "./options.js";
import { imdsProtocol } from "./protocol.js";
import { requestBudget } from "./request-budget.js";
import type { GetOptions } from "./role-credentials.js";
import { type GrantedToken, type SessionTokenHolder, sharedSessionToken } from "./session-token.js";
import { type ImdsSettings, imdsSettings } from "./settings.js";

export type ImdsEvents = {
  /** IMDS answered, or did not. */
  request: {
    readonly method: "GET" | "PUT";
    readonly path: string;
    /** Undefined when there was no answer. */
    readonly status: number | undefined;
    /** Why there was none. */
    readonly failure: RequestFailure | undefined;
    readonly durationMs: number;
    /** Until when the session token held is good, in epoch milliseconds; undefined while none is held. */
    readonly sessionTokenExpiresAt: number | undefined;
  };
};

/**
 * - `timeout`: nothing came in time.
 * - `connection`: it could not be made, or broke.
 * - `unreadable`: something came that is no answer of IMDS.
 * - `aborted`: whoever asked gave up.
 */
export type RequestFailure = "timeout" | "connection" | "unreadable" | "aborted";

/** What follows from the settings, once they are complete. */
interface Line {
  readonly settings: ImdsSettings;
  readonly transport: SmallHttpClient;
  readonly sessionToken: SessionTokenHolder;
}

export class Session implements EventSource<ImdsEvents> {
  readonly #complete: () => Promise<ImdsSettings>;
  readonly #events = createEvents<ImdsEvents>();
  #settings: ImdsSettings;
  #line: Promise<Line> | undefined;
  #skewMs = 0;
  readonly #ending = new AbortController();

  /** @throws InvalidInputError naming each option or environment variable that is wrong. */
  constructor(options: ImdsOptions) {
    const { known, complete } = imdsSettings(options);
    this.#settings = known;
    this.#complete = complete;
    // As many requests listen to it as are under way.
    setMaxListeners(0, this.#ending.signal);
  }

  /** As far as they are known: the shared config file is read with the first request. */
  get settings(): ImdsSettings {
    return this.#settings;
  }

  /** All of them. @throws InvalidInputError for a bad value in the shared config file. */
  async completeSettings(): Promise<ImdsSettings> {
    return (await this.#open()).settings;
  }

  get skewMs(): number {
    return this.#skewMs;
  }

  on<K extends keyof ImdsEvents>(event: K, listener: (carried: ImdsEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Ends what is under way, and the connections. */
  close(): void {
    this.#ending.abort(new ClosedError("this IMDS client is closed: create another one"));
    void this.#line?.then(
      ({ transport }) => transport.close(),
      () => {},
    );
  }

  /** Reads one category: the token, the value and, when the token was refused, both once more. */
  async read<T>(path: string, parse: (text: string) => T, { signal, attempts }: GetOptions): Promise<T> {
    assertPath(path);
    const line = await this.#open();
    this.#assertUsable(path);
    const ending = this.#ending.signal;
    const options = { attempts, signal: signal === undefined ? ending : AbortSignal.any([signal, ending]) };
    const token = await this.#token(line, options);
    const first = await this.#get(line, path, token, parse, options);
    if (first.answer.status !== 401) return first.value();
    line.sessionToken.invalidate(token);
    const second = await this.#get(line, path, await this.#token(line, options), parse, options);
    return second.value();
  }

  #open(): Promise<Line> {
    this.#line ??= this.#complete().then(
      (settings) => {
        const { clock, endpoint, timeoutMs, tokenTtlSeconds } = settings;
        this.#settings = settings;
        return {
          settings,
          transport: new SmallHttpClient(endpoint, timeoutMs, clock.network),
          sessionToken: sharedSessionToken(clock, endpoint, tokenTtlSeconds),
        };
      },
      (error: unknown) => {
        // The file may be mended by the next request.
        this.#line = undefined;
        throw error;
      },
    );
    return this.#line;
  }

  #assertUsable(path: string): void {
    this.#ending.signal.throwIfAborted();
    if (!this.#settings.disabled) return;
    throw new ImdsError(
      "IMDS_DISABLED",
      "IMDS is switched off for this process: unset AWS_EC2_METADATA_DISABLED, or use another source of credentials.",
      { path },
    );
  }

  async #token(line: Line, options: GetOptions): Promise<Secret> {
    const { signal, attempts } = options;
    try {
      // The request is shared, so one caller's signal must not end it for the others.
      return await abortable(
        line.sessionToken.get(() => this.#requestToken(line, attempts)),
        signal,
      );
    } catch (error) {
      // It was on its way with another client, which was closed meanwhile: ask ourselves.
      if (error instanceof ClosedError && !this.#ending.signal.aborted) return this.#token(line, options);
      throw error;
    }
  }

  async #requestToken(line: Line, attempts: number | undefined): Promise<GrantedToken> {
    const path = imdsProtocol.tokenPath;
    const { settings } = line;
    const ttl = settings.tokenTtlSeconds;
    const { signal } = this.#ending;
    const headers = { [imdsProtocol.tokenTtlHeader]: String(ttl) };
    const exchange: SmallRequest = { method: "PUT", path, headers, signal };
    const asking = attempting(settings, attemptOf(settings, exchange, attempts), async () => {
      const answer = await this.#exchange(line, exchange);
      // An opaque value of printable characters: anything else could not be sent back in a header. Pages are none.
      if (answer.status === 200 && !/^(?!<)[\x21-\x7e]+$/.test(answer.body)) {
        throw new UnreadableAnswer("the answer to the token request is not a session token");
      }
      return { answer };
    });
    const { answer } = await asking.catch(async (failure: unknown) => {
      const withoutToken: SmallRequest = { method: "GET", path: "/latest/meta-data/", headers: {}, signal };
      throw await diagnoseHopLimit(failure, settings, () => this.#exchange(line, withoutToken));
    });
    if (answer.status !== 200) throw tokenRefused(settings.endpoint, answer.status);
    const granted = Number(answer.headers[imdsProtocol.tokenTtlHeader]);
    return { token: new Secret(answer.body), ttlSeconds: granted > 0 && granted <= ttl ? granted : ttl };
  }

  async #get<T>(line: Line, path: string, token: Secret, parse: (text: string) => T, options: GetOptions) {
    const { settings } = line;
    const headers = { [imdsProtocol.tokenHeader]: token.reveal() };
    const exchange: SmallRequest = { method: "GET", path, headers, signal: options.signal };
    return attempting(settings, attemptOf(settings, exchange, options.attempts), async () => {
      const answer = await this.#exchange(line, exchange);
      if (answer.status !== 200) {
        return {
          answer,
          value: (): T => {
            throw refused(settings.endpoint, path, answer.status);
          },
        };
      }
      const value = parse(answer.body);
      return { answer, value: () => value };
    });
  }

  async #exchange({ settings, transport, sessionToken }: Line, exchange: SmallRequest): Promise<SmallAnswer> {
    const { clock } = settings;
    const { method, path } = exchange;
    await requestBudget(clock).take(exchange.signal);
    const sentAt = clock.now();
    const startedAt = clock.network.monotonic();
    let status: number | undefined;
    let failure: RequestFailure | undefined;
    try {
      const answer = await transport.exchange(exchange);
      status = answer.status;
      this.#skewMs = measureSkew(answer.headers.date, sentAt, clock.now()) ?? this.#skewMs;
      return answer;
    } catch (error) {
      failure = exchange.signal?.aborted ? "aborted" : failureOf(error);
      throw error;
    } finally {
      const durationMs = clock.network.monotonic() - startedAt;
      const sessionTokenExpiresAt = sessionToken.expiresAt;
      this.#events.emit("request", { method, path, status, failure, durationMs, sessionTokenExpiresAt });
    }
  }
}

function failureOf(error: unknown): RequestFailure {
  if (error instanceof NoAnswerInTime) return "timeout";
  return error instanceof UnreadableAnswer ? "unreadable" : "connection";
}

function attemptOf(settings: ImdsSettings, exchange: SmallRequest, attempts = settings.attempts): AttemptOptions {
  const { method, path, signal } = exchange;
  return { what: `${method} ${path}`, path, attempts, signal };
}
