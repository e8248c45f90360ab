/** The policy of a form: until when it holds, and what each field must be. */

import { S3Error } from "./errors.js";

export interface FormPolicy {
  readonly leastBytes: number;
  readonly mostBytes: number | undefined;
  /**
   * @param isFree names of fields that no condition has to speak of.
   * @throws S3Error `AccessDenied`, naming the condition that failed.
   */
  check(fields: ReadonlyMap<string, string>, now: number, isFree: (name: string) => boolean): void;
}

interface Condition {
  readonly kind: "eq" | "starts-with";
  /** Lower-case name of a field. */
  readonly field: string;
  readonly value: string;
  /** For who is told that it does not hold. */
  readonly text: string;
}

/** @throws S3Error `InvalidPolicyDocument`. */
export function policyOf(base64: string): FormPolicy {
  const { expiration, conditions } = parse(base64);
  const endsAt = Date.parse(String(expiration));
  if (Number.isNaN(endsAt)) throw invalid("Invalid Policy: Invalid 'expiration' value.");
  if (!Array.isArray(conditions)) throw invalid("Invalid Policy: Policy missing conditions.");
  let [leastBytes, mostBytes]: [number, number | undefined] = [0, undefined];
  const checked: Condition[] = [];
  for (const condition of conditions) {
    if (Array.isArray(condition) && condition[0] === "content-length-range") {
      [leastBytes, mostBytes] = [Number(condition[1]), Number(condition[2])];
      if (!(leastBytes >= 0 && mostBytes >= 0)) throw invalid("Invalid Policy: Invalid content-length-range.");
    } else checked.push(...conditionsOf(condition));
  }
  return {
    leastBytes,
    mostBytes,
    check(fields, now, isFree) {
      if (now >= endsAt) throw failed("Policy expired.");
      for (const condition of checked)
        if (!holds(condition, fields)) throw failed(`Policy Condition failed: ${condition.text}`);
      const spokenOf = new Set(checked.map(({ field }) => field));
      for (const name of fields.keys()) {
        if (name === "bucket" || isFree(name) || spokenOf.has(name)) continue;
        throw failed(`Extra input fields: ${name}`);
      }
    },
  };
}

function parse(base64: string): { expiration?: unknown; conditions?: unknown } {
  try {
    const policy: unknown = JSON.parse(Buffer.from(base64, "base64").toString());
    if (typeof policy === "object" && policy !== null) return policy;
  } catch {
    // Said below.
  }
  throw invalid("Invalid Policy: Invalid JSON.");
}

function conditionsOf(condition: unknown): Condition[] {
  if (Array.isArray(condition)) {
    const [kind, name, value] = condition.map(String);
    if ((kind === "eq" || kind === "starts-with") && name?.startsWith("$") && value !== undefined) {
      return [{ kind, field: name.slice(1).toLowerCase(), value, text: written(kind, name, value) }];
    }
  } else if (typeof condition === "object" && condition !== null) {
    return Object.entries(condition).map(([name, value]) => ({
      kind: "eq",
      field: name.toLowerCase(),
      value: String(value),
      text: written("eq", `$${name}`, String(value)),
    }));
  }
  throw invalid("Invalid Policy: Invalid Condition.");
}

/** As S3 repeats a condition, however it was given. */
function written(...parts: string[]): string {
  return `[${parts.map((part) => JSON.stringify(part)).join(", ")}]`;
}

function holds({ kind, field, value }: Condition, fields: ReadonlyMap<string, string>): boolean {
  const given = fields.get(field);
  if (given === undefined) return false;
  if (kind === "eq") return given === value;
  // Of a list of content types each must begin so.
  return field === "content-type" ? given.split(",").every((type) => type.startsWith(value)) : given.startsWith(value);
}

function invalid(message: string): S3Error {
  return new S3Error("InvalidPolicyDocument", { message });
}

function failed(why: string): S3Error {
  return new S3Error("AccessDenied", { message: `Invalid according to Policy: ${why}` });
}
