/**
 * The container-credentials protocol, which SDKs of all languages speak since 2016: one GET, the document back.
 *
 *     GET /v1/credentials                Authorization: <token>   the host's own identity
 *     GET /v1/roles/<name>/credentials   Authorization: <token>   an assumed role, by a token of its own
 *
 * Nothing valid is 503 with `Retry-After`, never an empty 200: SDKs take what they get for credentials, and a failure for
 * "none here" (aws-sdk-ruby #3375, rolesanywhere-credential-helper #200).
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */

import type { Authorization } from "./authorization.js";
import { clientOf } from "./callers.js";
import { type Exchange, errorBody, JSON_TYPE } from "./exchange.js";
import type { Refusal } from "./guard.js";
import type { Issuer, Offer } from "./issuer.js";
import type { RateLimit } from "./rate-limit.js";

export interface ServedRole {
  readonly path: string;
  readonly issuer: Issuer;
  readonly authorization: Authorization;
}

/** Told of each answer that carried credentials. */
export type OnIssued = (exchange: Exchange, role: string, offer: Offer) => void;

export const OWN_PATH = "/v1/credentials";

export function rolePath(name: string): string {
  return `/v1/roles/${name}/credentials`;
}

/** Long enough for the Keeper's next attempt, short enough that nobody waits much longer than the outage. */
const RETRY_AFTER_SECONDS = "5";

const WRONG_TOKEN: Refusal = {
  status: 401,
  kind: "token",
  message: "the Authorization header does not carry the token in the agent's token file",
};
const TOO_MANY_WRONG: Refusal = { status: 429, kind: "rate", message: "too many requests with a wrong token" };

export class ContainerEndpoint {
  readonly #roles: ReadonlyMap<string, ServedRole>;
  readonly #wrongTokens: RateLimit;
  readonly #onIssued: OnIssued;

  constructor(roles: readonly ServedRole[], wrongTokens: RateLimit, onIssued: OnIssued) {
    this.#roles = new Map(roles.map((role) => [role.path, role]));
    this.#wrongTokens = wrongTokens;
    this.#onIssued = onIssued;
  }

  handle(exchange: Exchange): void {
    const role = this.#roles.get(exchange.path);
    if (role === undefined) {
      exchange.answer(404, JSON_TYPE, errorBody("NotFound", `there is no such path: try ${OWN_PATH}`));
      return;
    }
    if (exchange.method !== "GET") {
      exchange.answer(405, JSON_TYPE, errorBody("MethodNotAllowed", "expected GET"), "Allow", "GET");
      return;
    }
    if (!role.authorization.accepts(exchange.request.headers.authorization)) {
      this.#refuse(exchange);
      return;
    }
    const offer = role.issuer.offer();
    if (offer === undefined) {
      answerNothingValid(exchange);
      return;
    }
    exchange.answer(200, JSON_TYPE, offer.documents.container);
    this.#onIssued(exchange, role.issuer.name, offer);
  }

  #refuse(exchange: Exchange): void {
    const retryAfter = this.#wrongTokens.take(clientOf(exchange.caller));
    if (retryAfter === 0) exchange.refuse(WRONG_TOKEN);
    else exchange.refuse(TOO_MANY_WRONG, "Retry-After", String(retryAfter));
  }
}

export function answerNothingValid(exchange: Exchange): void {
  const message = "no credentials with enough time left: the source gives none at present; evertoken status tells why";
  exchange.answer(503, JSON_TYPE, errorBody("NoCredentials", message), "Retry-After", RETRY_AFTER_SECONDS);
}
