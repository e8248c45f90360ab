/**
 * IMDSv2 as an SDK meets it on EC2, token rules to the letter; version 1 is not spoken. The role list, the credentials and
 * the extended path come from the Keeper; some other categories are read through (`categories.ts`); the rest is not there.
 *
 *     PUT /latest/api/token   x-aws-ec2-metadata-token-ttl-seconds: 1–21600   → 200, a session token; 400; 403; 405
 *     GET /latest/meta-data/… x-aws-ec2-metadata-token: <token>               → 200; 401 (empty); 404
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */

import { imdsProtocol } from "@evertoken/imds";
import { clientOf } from "./callers.js";
import type { Categories, Category } from "./categories.js";
import { answerNothingValid, type OnIssued } from "./container-endpoint.js";
import { type Exchange, errorBody, JSON_TYPE, TEXT_TYPE } from "./exchange.js";
import type { Issuer, Offer } from "./issuer.js";
import type { RateLimit } from "./rate-limit.js";
import type { SessionTokens } from "./session-tokens.js";

export interface ImdsEndpointOptions {
  readonly issuer: Issuer;
  readonly sessionTokens: SessionTokens;
  readonly categories: Categories;
  /** For what must be asked of IMDS. */
  readonly misses: RateLimit;
  readonly onIssued: OnIssued;
}

const { tokenPath, tokenHeader, tokenTtlHeader, maxTokenTtlSeconds, rolePath, extendedRolePath } = imdsProtocol;

/** For credentials whose source does not tell a role, such as a web identity. */
const UNNAMED_ROLE = "evertoken-agent";

const RETRY_AFTER_SECONDS = "5";

export class ImdsEndpoint {
  readonly #options: ImdsEndpointOptions;

  constructor(options: ImdsEndpointOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): void {
    const { path, method, request } = exchange;
    if (path === tokenPath) {
      this.#grant(exchange);
      return;
    }
    if (method !== "GET") {
      exchange.answer(405, TEXT_TYPE, "", "Allow", "GET");
      return;
    }
    const token = request.headers[tokenHeader];
    if (!this.#options.sessionTokens.accepts(typeof token === "string" ? token : undefined)) {
      // Empty, as IMDS answers it: a body here hides bugs of clients.
      exchange.answer(401, TEXT_TYPE, "");
      return;
    }
    this.#answer(exchange);
  }

  /** The request is one of somebody with a session token. */
  #answer(exchange: Exchange): void {
    const { path } = exchange;
    const base = [rolePath, extendedRolePath].find((known) => path === known.slice(0, -1) || path.startsWith(known));
    const role = base === undefined ? "" : path.slice(base.length);
    if (base !== undefined && role === "") this.#list(exchange);
    else if (base !== undefined) this.#hand(exchange, role, base === extendedRolePath);
    else if (this.#options.categories.isAllowed(path)) this.#readThrough(exchange);
    else exchange.answer(404, TEXT_TYPE, "");
  }

  #grant(exchange: Exchange): void {
    if (exchange.method !== "PUT") {
      exchange.answer(405, TEXT_TYPE, "", "Allow", "PUT");
      return;
    }
    const asked = exchange.request.headers[tokenTtlHeader];
    const seconds = typeof asked === "string" && /^\d{1,5}$/.test(asked) ? Number(asked) : 0;
    if (seconds < 1 || seconds > maxTokenTtlSeconds) {
      exchange.answer(400, TEXT_TYPE, "");
      return;
    }
    exchange.answer(200, TEXT_TYPE, this.#options.sessionTokens.grant(seconds), tokenTtlHeader, String(seconds));
  }

  #list(exchange: Exchange): void {
    const offer = this.#options.issuer.offer();
    if (offer === undefined) answerNothingValid(exchange);
    else exchange.answer(200, TEXT_TYPE, nameOf(offer));
  }

  #hand(exchange: Exchange, role: string, extended: boolean): void {
    const { issuer, onIssued } = this.#options;
    const offer = issuer.offer();
    if (offer === undefined) {
      answerNothingValid(exchange);
      return;
    }
    const name = nameOf(offer);
    if (role !== name && withUpperCaseHex(role) !== encodeURIComponent(name)) {
      exchange.answer(404, TEXT_TYPE, "");
      return;
    }
    // IMDS calls it text, too.
    exchange.answer(200, TEXT_TYPE, extended ? offer.documents.imdsExtended : offer.documents.imds);
    onIssued(exchange, issuer.name, offer);
  }

  #readThrough(exchange: Exchange): void {
    const { categories, misses } = this.#options;
    const known = categories.known(exchange.path);
    if (known !== undefined) {
      answerCategory(exchange, known);
      return;
    }
    const retryAfter = misses.take(clientOf(exchange.caller));
    if (retryAfter > 0) {
      exchange.refuse(
        { status: 429, kind: "rate", message: "too many requests that must be asked of IMDS" },
        "Retry-After",
        String(retryAfter),
      );
      return;
    }
    categories.read(exchange.path).then(
      (category) => answerCategory(exchange, category),
      () => {
        const body = errorBody("Unavailable", "IMDS does not answer");
        exchange.answer(503, JSON_TYPE, body, "Retry-After", RETRY_AFTER_SECONDS);
      },
    );
  }
}

function nameOf({ roleName }: Offer): string {
  return roleName ?? UNNAMED_ROLE;
}

/** `%3d` and `%3D` are the same character. */
function withUpperCaseHex(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (encoded) => encoded.toUpperCase());
}

function answerCategory(exchange: Exchange, category: Category): void {
  if (category === "absent") exchange.answer(404, TEXT_TYPE, "");
  else exchange.answer(200, TEXT_TYPE, category.found);
}
