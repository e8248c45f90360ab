/** Candidates as they are written on a command line. */

import { InvalidInputError } from "@evertoken/core";

export type CandidateSpec =
  /** `sdk@3.700.0`, `sdk@latest`, `sdk@latest+undici` */
  | { readonly kind: "sdk"; readonly version: string; readonly undici: boolean }
  /** `pool`, `pool+fast` */
  | { readonly kind: "pool"; readonly fastLane: boolean }
  /** `./my-client.mjs` */
  | { readonly kind: "module"; readonly path: string };

const EXPECTED =
  "sdk@VERSION, sdk@latest, either of them with +undici, pool, pool+fast, or a module such as ./my-client.mjs";

/** @throws InvalidInputError for what is none. */
export function parseCandidate(spec: string): CandidateSpec {
  if (spec === "pool" || spec === "pool+fast") return { kind: "pool", fastLane: spec === "pool+fast" };
  // A tag of the registry, or a version; ranges would mean another version each time.
  const [, version, undici] = /^sdk@(\d+\.\d+\.\d+|[a-z][\w-]*)(\+undici)?$/.exec(spec) ?? [];
  if (version !== undefined) return { kind: "sdk", version, undici: undici !== undefined };
  if (/^(\.{0,2}[/\\]|file:|[A-Za-z]:[/\\]).*\.[mc]?js$/.test(spec)) return { kind: "module", path: spec };
  throw new InvalidInputError("candidates of the bench", [
    { field: JSON.stringify(spec), message: `is unknown: expected ${EXPECTED}` },
  ]);
}
