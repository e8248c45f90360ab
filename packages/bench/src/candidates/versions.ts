/** Which releases of the SDK there are: what the registry says. */

import { tmpdir } from "node:os";
import { InvalidInputError } from "@evertoken/core";
import { npm } from "./npm.js";

export const SDK_PACKAGE = "@aws-sdk/client-s3";

const RELEASE = /^\d+\.\d+\.\d+$/;

interface Asking {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The version behind a tag, or the version itself if it is published.
 * @throws Error when there is none, or npm cannot tell.
 */
export async function publishedVersion(name: string, tag: string, { signal }: Asking = {}): Promise<string> {
  const version: unknown = JSON.parse((await ask([`${name}@${tag}`, "version"], signal)) || "null");
  if (typeof version === "string") return version;
  throw new Error(`${name}@${tag} is not published`);
}

/**
 * The releases of `@aws-sdk/client-s3` from one to another, both included, oldest first; no pre-releases.
 * @param from `3.700.0`
 * @param to `3.716.0` or a tag: `latest`
 * @throws InvalidInputError when one of the two is not published, or they are the wrong way round.
 */
export async function publishedVersions(from: string, to: string, { signal }: Asking = {}): Promise<string[]> {
  const all: unknown = JSON.parse(await ask([SDK_PACKAGE, "versions"], signal));
  const releases = (Array.isArray(all) ? all : [all]).filter((one) => RELEASE.test(one)) as string[];
  releases.sort(byVersion);
  const [first, last] = await Promise.all([indexOf(releases, from, signal), indexOf(releases, to, signal)]);
  if (first <= last) return releases.slice(first, last + 1);
  const message = `is ${releases[last]}, which is older than ${from}: expected a release after it`;
  throw new InvalidInputError(SDK_PACKAGE, [{ field: to, message }]);
}

async function indexOf(releases: readonly string[], version: string, signal: AbortSignal | undefined): Promise<number> {
  const release = RELEASE.test(version) ? version : await publishedVersion(SDK_PACKAGE, version, { signal });
  const index = releases.indexOf(release);
  if (index >= 0) return index;
  throw new InvalidInputError(SDK_PACKAGE, [
    { field: version, message: "is not published: expected a release or a tag" },
  ]);
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
