/** Which releases of the SDK there are: what the registry says. */

import { tmpdir } from "node:os";
import { InvalidInputError, type Problem } from "@evertoken/core";
import { NpmError, npm } from "./npm.js";

export const SDK_PACKAGE = "@aws-sdk/client-s3";

const RELEASE = /^\d+\.\d+\.\d+$/;
/** As npm's own and those of most publishers are; a range would mean another release each time. */
const TAG = /^[a-z][\w-]*$/;

interface Asking {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The version behind a tag, or the version itself if it is published.
 * @throws NpmError when there is none, or npm cannot tell.
 */
export async function publishedVersion(name: string, tag: string, { signal }: Asking = {}): Promise<string> {
  const version: unknown = JSON.parse((await ask([`${name}@${tag}`, "version"], signal)) || "null");
  if (typeof version === "string") return version;
  throw new NpmError(`${name}@${tag} is not published`);
}

/**
 * The releases of `@aws-sdk/client-s3` from one to another, both included, oldest first; no pre-releases.
 * @param from `3.700.0`
 * @param to `3.716.0` or a tag: `latest`
 * @throws InvalidInputError when one of the two is neither, is not published, or they are the wrong way round; NpmError.
 */
export async function publishedVersions(from: string, to: string, { signal }: Asking = {}): Promise<string[]> {
  refuse(...[from, to].filter((end) => !RELEASE.test(end) && !TAG.test(end)).map(neither));
  const all: unknown = JSON.parse(await ask([SDK_PACKAGE, "versions", "dist-tags"], signal));
  const { versions, "dist-tags": tags } = all as { versions: string | string[]; "dist-tags": Record<string, string> };
  // npm leaves out the list around a single one.
  const releases = [versions]
    .flat()
    .filter((one) => RELEASE.test(one))
    .sort(byVersion);
  const indexOf = (end: string) => releases.indexOf(tags[end] ?? end);
  refuse(...[from, to].filter((end) => indexOf(end) < 0).map(unpublished));
  const [first, last] = [indexOf(from), indexOf(to)];
  const named = (end: string) => (tags[end] === undefined ? end : `${end} (${tags[end]})`);
  if (first > last) refuse({ field: named(to), message: `is older than ${named(from)}: expected a release after it` });
  return releases.slice(first, last + 1);
}

const neither = (field: string): Problem => ({
  field: JSON.stringify(field),
  message: "is unknown: expected a release such as 3.700.0, or a tag such as latest",
});

const unpublished = (field: string): Problem => ({ field, message: "is not published: expected a release or a tag" });

function refuse(...problems: readonly Problem[]): void {
  if (problems.length > 0) throw new InvalidInputError(SDK_PACKAGE, problems);
}

function ask(what: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  return npm(["view", ...what, "--json"], { cwd: tmpdir(), signal });
}

function byVersion(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (const [index, number] of (left ?? []).entries()) {
    const difference = number - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
