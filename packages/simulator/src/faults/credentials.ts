/**
 * Faults of credentials: what is handed out, when, and how long it is good. A credential that a fault makes up is issued
 * into the ledger, so S3 judges it like any other.
 */

import type { Clock } from "@evertoken/core";
import { type Answer, withBody } from "../gate/answer.js";
import type { Asked } from "../gate/asked.js";
import type { IssuedCredential } from "../ledger.js";
import { type CredentialDocument, documentIn, withDocument } from "./credential-document.js";
import type { Fault, FaultTools } from "./fault.js";
import { s3Refusal } from "./s3-refusal.js";

/** Whoever hands out credentials. */
const SOURCES = ["imds", "container", "sts"] as const;
const IMDS = ["imds"] as const;
const S3 = ["s3"] as const;

const asksForCredentials = ({ operation }: Asked) =>
  /(?:^|-)credentials$|^AssumeRole|^GetSessionToken$/.test(operation);

/** A fault that changes the document, and leaves every other answer alone. */
function rewriting(change: (document: CredentialDocument, asked: Asked) => object) {
  return {
    concerns: asksForCredentials,
    rewrite(answer: Answer, asked: Asked): Answer {
      const document = documentIn(answer);
      return document === undefined ? answer : withDocument(answer, change(document, asked));
    },
  };
}

/** Instants as IMDS prints them. */
const printed = (epochMs: number) => new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");

function replaced(document: CredentialDocument, credential: IssuedCredential): object {
  return {
    ...document,
    ...(!("LastUpdated" in document) ? {} : { LastUpdated: printed(credential.issuedAt) }),
    AccessKeyId: credential.accessKeyId,
    SecretAccessKey: credential.secretAccessKey,
    Token: credential.sessionToken,
    Expiration: printed(credential.expiresAt),
  };
}

/** Hands out what `made` gives; a credential for each role, until `isOver`. */
function handingOut(
  { ledger, clock, handedOut }: FaultTools,
  make: (now: number) => { issuedAt: number; lifetimeMs: number },
  isOver: (credential: IssuedCredential, now: number) => boolean,
) {
  const byRole = new Map<string, IssuedCredential>();
  return rewriting((document, asked) => {
    const now = clock.now();
    const { roleName = "", caller } = ledger.find(document.AccessKeyId) ?? {};
    const held = byRole.get(roleName);
    const { issuedAt, lifetimeMs } = make(now);
    const credential =
      held === undefined || isOver(held, now) ? ledger.issue(roleName, issuedAt, lifetimeMs, caller) : held;
    byRole.set(roleName, credential);
    handedOut(credential.generation, asked);
    return replaced(document, credential);
  });
}

/**
 * Between the credential that was current when the fault first met a request for this role, and the one that is now.
 * @param choose `moved on`: the current one, which is the old one from now on.
 */
function choosing(
  { ledger, handedOut }: FaultTools,
  choose: (old: IssuedCredential) => "old" | "current" | "moved on",
) {
  const remembered = new Map<string, IssuedCredential>();
  return rewriting((document, asked) => {
    const current = ledger.find(document.AccessKeyId);
    if (current === undefined) return document;
    const old = remembered.get(current.roleName) ?? current;
    const choice = choose(old);
    remembered.set(current.roleName, choice === "moved on" ? current : old);
    if (choice !== "old" || old === current) return document;
    handedOut(old.generation, asked);
    return replaced(document, old);
  });
}

/** In milliseconds; of one that nobody issued there is no age to compare. */
const ageOf = (credential: IssuedCredential | undefined, clock: Clock) =>
  credential === undefined ? Number.NaN : clock.now() - credential.issuedAt;

export const CREDENTIAL_FAULTS = {
  "credentials-revoked": {
    kind: "instant",
    does: "S3 refuses all credentials issued so far as expired; their sources have others at once.",
    act: (_, { world }) => ({ began: (at) => world.revokeCredentials(at) }),
  },
  "credentials-end-early": {
    kind: "period",
    services: S3,
    options: ["seconds"],
    does: "S3 refuses credentials as expired from `seconds` (default 600) after their issue on, whatever their expiration says.",
    act: ({ seconds = 600 }, { ledger, clock }) => ({
      concerns: ({ accessKeyId = "" }) => ageOf(ledger.find(accessKeyId), clock) >= seconds * 1000,
      instead: () => ({ answer: s3Refusal("ExpiredToken", { "Token-0": "(not shown)" }), reason: "ExpiredToken" }),
    }),
  },
  "credentials-known-late": {
    kind: "period",
    services: S3,
    options: ["seconds"],
    does: "S3 does not know credentials until `seconds` (default 60) after their issue: InvalidAccessKeyId.",
    act: ({ seconds = 60 }, { ledger, clock }) => ({
      concerns: ({ accessKeyId = "" }) => ageOf(ledger.find(accessKeyId), clock) < seconds * 1000,
      instead: ({ accessKeyId }) => ({
        answer: s3Refusal("InvalidAccessKeyId", { AWSAccessKeyId: accessKeyId }),
        reason: "InvalidAccessKeyId",
      }),
    }),
  },
  "credentials-stuck": {
    kind: "period",
    does: "IMDS and the container endpoint go on handing out the same credentials: no rotation.",
    act: (_, { world }) => ({
      began: (at) => world.holdRotation(at),
      ended: (at) => world.releaseRotation(at),
    }),
  },
  "credentials-rotated-late": {
    kind: "period",
    services: SOURCES,
    options: ["seconds"],
    does: "Others are handed out only when the old ones have no more than `seconds` (default 60) left.",
    act: ({ seconds = 60 }, tools) =>
      choosing(tools, ({ expiresAt }) => (tools.clock.now() < expiresAt - seconds * 1000 ? "old" : "moved on")),
  },
  "credentials-alternate": {
    kind: "period",
    services: SOURCES,
    does: "Each second answer is an old one: the credentials that were current when the fault was first met.",
    act: (_, tools) => {
      let answers = 0;
      return choosing(tools, () => {
        answers += 1;
        return answers % 2 === 0 ? "old" : "current";
      });
    },
  },
  "credentials-expired": {
    kind: "period",
    services: SOURCES,
    options: ["seconds"],
    does: "The credentials handed out have ended `seconds` (default 60) ago.",
    act: ({ seconds = 60 }, tools) =>
      handingOut(
        tools,
        (now) => ({ issuedAt: now - seconds * 1000 - 6 * 3_600_000, lifetimeMs: 6 * 3_600_000 }),
        () => false,
      ),
  },
  "credentials-short-lived": {
    kind: "period",
    services: SOURCES,
    options: ["seconds"],
    does: "The credentials handed out live `seconds` (default 90), and are replaced when they end.",
    act: ({ seconds = 90 }, tools) =>
      handingOut(
        tools,
        (now) => ({ issuedAt: now, lifetimeMs: seconds * 1000 }),
        ({ expiresAt }, now) => now >= expiresAt,
      ),
  },
  "credentials-code": {
    kind: "period",
    services: IMDS,
    options: ["code"],
    does: "IMDS's credential documents say `code` (default Failed) where `Success` should stand, and have no credentials.",
    act: ({ code = "Failed" }) =>
      rewriting(({ LastUpdated }) => ({ Code: code, LastUpdated, Message: "The role could not be assumed." })),
  },
  "credentials-malformed-date": {
    kind: "period",
    services: SOURCES,
    does: "The expiration in credential documents is no date.",
    act: () => rewriting((document) => ({ ...document, Expiration: "soon" })),
  },
  "credentials-without-date": {
    kind: "period",
    services: SOURCES,
    does: "Credential documents have no expiration.",
    act: () => rewriting(({ Expiration: _, ...document }) => document),
  },
  "credentials-incomplete": {
    kind: "period",
    services: SOURCES,
    does: "Credential documents have no secret access key.",
    act: () => rewriting(({ SecretAccessKey: _, ...document }) => document),
  },
  "credentials-malformed": {
    kind: "period",
    services: SOURCES,
    does: "Credential documents end in their middle, though they say they are complete: no JSON, no XML.",
    act: () => ({
      concerns: asksForCredentials,
      rewrite: (answer) => withBody(answer, answer.body.subarray(0, answer.body.length / 2)),
    }),
  },
} as const satisfies Record<string, Fault>;
