/** What STS does: it says who somebody is, and issues credentials into the ledger. */

import type { IdentityTokens } from "../container/identity-token.js";
import { assumedRole, roleIdOf } from "../iam.js";
import { instant } from "../instant.js";
import type { IssuedCredential, Ledger } from "../ledger.js";
import type { XmlFields } from "../s3/xml.js";
import { StsError } from "./errors.js";

export interface OperationContext {
  readonly parameters: URLSearchParams;
  readonly now: number;
  readonly seed: number;
  readonly ledger: Ledger;
  readonly tokens: IdentityTokens;
  /** Verifies the signature, when it is first asked. */
  readonly caller: () => IssuedCredential;
}

/** The fields of the answer, and the credential that was issued, if one was. */
export interface StsResult {
  readonly fields: XmlFields;
  readonly issued?: IssuedCredential;
}

/** By the value of `Action`. */
export const OPERATIONS: Readonly<Record<string, (context: OperationContext) => StsResult>> = {
  GetCallerIdentity({ caller }) {
    const { caller: who } = caller();
    return { fields: { Arn: who?.arn, UserId: who?.userId, Account: who?.accountId } };
  },

  AssumeRole(context) {
    const caller = context.caller();
    const seconds = duration(context.parameters, { default: 3600, least: 900, most: 43_200 });
    // Whoever is a role already has an hour in another one.
    if (caller.sessionToken !== "" && seconds > 3600) {
      const message =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
      throw new StsError("ValidationError", message);
    }
    const { fields, issued } = assume(context, seconds);
    const sourceIdentity = context.parameters.get("SourceIdentity") ?? undefined;
    return { fields: { ...fields, SourceIdentity: sourceIdentity }, issued };
  },

  AssumeRoleWithWebIdentity(context) {
    const { parameters, tokens } = context;
    const seconds = duration(parameters, { default: 3600, least: 900, most: 43_200 });
    const judged = tokens.judge(required(parameters, "WebIdentityToken"), AUDIENCE);
    if (judged.verdict === "malformed") throw new StsError("InvalidIdentityToken");
    if (judged.verdict === "foreign") {
      const message = `No OpenIDConnect provider found in your account for ${judged.issuer}`;
      throw new StsError("InvalidIdentityToken", message);
    }
    if (judged.verdict === "expired") {
      const [now, end] = [context.now, judged.endedAt].map((ms) => Math.floor(ms / 1000));
      const message = `Token expired: current date/time ${now} must be before the expiration date/time ${end}`;
      throw new StsError("ExpiredTokenException", message);
    }
    const { fields, issued } = assume(context, seconds);
    const { subject } = judged;
    const provider = tokens.issuer.replace("https://", "");
    return {
      fields: { ...fields, SubjectFromWebIdentityToken: subject, Audience: AUDIENCE, Provider: provider },
      issued,
    };
  },

  GetSessionToken({ caller, parameters, ledger, now }) {
    const { roleName, sessionToken, caller: who } = caller();
    if (sessionToken !== "") throw new StsError("AccessDenied", "Cannot call GetSessionToken with session credentials");
    const seconds = duration(parameters, { default: 43_200, least: 900, most: 129_600 });
    const issued = ledger.issue(roleName, now, seconds * 1000, who);
    return { fields: { Credentials: credentials(issued) }, issued };
  },
};

const AUDIENCE = "sts.amazonaws.com";

const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,64})$/;

function assume(context: OperationContext, seconds: number): Required<StsResult> {
  const { parameters, ledger, now, seed } = context;
  const arn = required(parameters, "RoleArn");
  const sessionName = required(parameters, "RoleSessionName");
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
    throw new StsError(
      "ValidationError",
      `1 validation error detected: Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: ` +
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*, with length from 2 to 64",
    );
  }
  const [, partition = "", accountId = "", roleName = ""] = ROLE_ARN.exec(arn) ?? [];
  if (roleName === "") throw new StsError("ValidationError", `${arn} is invalid`);
  const role = { partition, accountId, roleName };
  const who = assumedRole(role, sessionName, seed);
  const issued = ledger.issue(roleName, now, seconds * 1000, who);
  const user = { AssumedRoleId: `${roleIdOf(role, seed)}:${sessionName}`, Arn: who.arn };
  return { fields: { AssumedRoleUser: user, Credentials: credentials(issued) }, issued };
}

function credentials({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: IssuedCredential): XmlFields {
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: instant(expiresAt),
  };
}

function required(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name);
  if (value !== null && value !== "") return value;
  const member = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
  throw new StsError(
    "ValidationError",
    `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
  );
}

function duration(
  parameters: URLSearchParams,
  { default: usual, least, most }: { readonly default: number; readonly least: number; readonly most: number },
): number {
  const given = parameters.get("DurationSeconds");
  if (given === null) return usual;
  const seconds = Number(given);
  if (/^\d+$/.test(given) && seconds >= least && seconds <= most) return seconds;
  const [bound, limit] = seconds < least ? ["greater", least] : ["less", most];
  throw new StsError(
    "ValidationError",
    `1 validation error detected: Value '${given}' at 'durationSeconds' failed to satisfy constraint: ` +
      `Member must have value ${bound} than or equal to ${limit}`,
  );
}
