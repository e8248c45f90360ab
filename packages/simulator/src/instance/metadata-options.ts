/**
 * The instance's metadata options, by the names that EC2's API has for them.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
 */

import * as v from "valibot";
import { whole } from "../whole-number.js";

export interface MetadataOptions {
  /** `required`: IMDSv2 alone. `optional`: requests without a session token are answered too (IMDSv1). Default `required`. */
  readonly httpTokens: "required" | "optional";
  /** `disabled`: everything is answered 403. Default `enabled`. */
  readonly httpEndpoint: "enabled" | "disabled";
  /** How many hops the answer to a session-token request survives: 1 (default) to 64. A container on a bridge is 2 away. */
  readonly httpPutResponseHopLimit: number;
  /** Whether IMDS tells the instance's tags. Default `disabled`. */
  readonly instanceMetadataTags: "enabled" | "disabled";
}

const oneOf = <const T extends readonly string[]>(...words: T) =>
  v.picklist(
    words,
    (issue) => `is ${String(issue.received)}: expected ${words.map((word) => `"${word}"`).join(" or ")}`,
  );

const entries = {
  httpTokens: v.optional(oneOf("required", "optional")),
  httpEndpoint: v.optional(oneOf("enabled", "disabled")),
  httpPutResponseHopLimit: v.optional(whole(1, 64)),
  instanceMetadataTags: v.optional(oneOf("enabled", "disabled")),
};

export const metadataOptions = v.strictObject(entries);

export type MetadataOptionsInput = { readonly [Name in keyof MetadataOptions]?: MetadataOptions[Name] | undefined };

export const DEFAULT_METADATA_OPTIONS: MetadataOptions = {
  httpTokens: "required",
  httpEndpoint: "enabled",
  httpPutResponseHopLimit: 1,
  instanceMetadataTags: "disabled",
};

/** `options` with those of `changes` that are given. */
export function changedOptions(options: MetadataOptions, changes: MetadataOptionsInput): MetadataOptions {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...options, ...Object.fromEntries(given) });
}
