/** From what a candidate is called to what can be measured: releases installed, tags resolved once, modules found. */

import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve as resolvePath } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describeError } from "@evertoken/core";
import type { Candidate } from "../record.js";
import { install } from "./install.js";
import type { Loadable } from "./load.js";
import type { CandidateSpec } from "./spec.js";
import { publishedVersion, SDK_PACKAGE } from "./versions.js";

const UNDICI_PACKAGE = "@smithy/undici-http-handler";

export interface Resolved {
  readonly candidate: Candidate;
  /** Absent when the candidate takes no part. */
  readonly loadable?: Loadable;
}

/** Resolves candidates of one run: whatever `latest` is at its first use, it is for all of them. */
export class CandidateResolver {
  readonly #cacheDir: string;
  readonly #signal: AbortSignal | undefined;
  readonly #versions = new Map<string, Promise<string>>();

  constructor(cacheDir: string, signal: AbortSignal | undefined) {
    this.#cacheDir = cacheDir;
    this.#signal = signal;
  }

  /** Never throws for what is wrong with a candidate: that is its `failure`. @throws the signal's reason. */
  async resolve(spec: string, parsed: CandidateSpec): Promise<Resolved> {
    try {
      const { resolved, loadable } = await this.#find(parsed);
      return { candidate: { spec, resolved }, loadable };
    } catch (error) {
      this.#signal?.throwIfAborted();
      return { candidate: { spec, failure: describeError(error) } };
    }
  }

  async #find(parsed: CandidateSpec): Promise<{ readonly resolved: string; readonly loadable: Loadable }> {
    switch (parsed.kind) {
      case "sdk":
        return this.#sdk(parsed);
      case "pool": {
        const lane = parsed.fastLane ? "fast lane" : "SDK lane";
        const [own, sdk] = await Promise.all([ownVersion("@evertoken/s3"), ownVersion(SDK_PACKAGE)]);
        const resolved = `@evertoken/s3 ${own}, ${lane}, on ${SDK_PACKAGE} ${sdk}`;
        return { resolved, loadable: { kind: "pool", fastLane: parsed.fastLane } };
      }
      case "module": {
        const path = parsed.path.startsWith("file:") ? fileURLToPath(parsed.path) : resolvePath(parsed.path);
        await access(path);
        return { resolved: path, loadable: { kind: "module", url: pathToFileURL(path).href } };
      }
    }
  }

  async #sdk({ version: tag, undici }: Extract<CandidateSpec, { kind: "sdk" }>) {
    const { version, folder } = await this.#release(SDK_PACKAGE, tag);
    const resolved = `${SDK_PACKAGE} ${version}`;
    if (!undici) return { resolved, loadable: { kind: "sdk", folder } as const };
    const handler = await this.#release(UNDICI_PACKAGE, "latest");
    return {
      resolved: `${resolved} with ${UNDICI_PACKAGE} ${handler.version}`,
      loadable: { kind: "sdk", folder, undiciFolder: handler.folder } as const,
    };
  }

  async #release(name: string, tag: string): Promise<{ readonly version: string; readonly folder: string }> {
    const version = /^\d/.test(tag) ? tag : await this.#versionOf(name, tag);
    return { version, folder: await install({ name, version }, this.#cacheDir, this.#signal) };
  }

  #versionOf(name: string, tag: string): Promise<string> {
    const known = this.#versions.get(`${name}@${tag}`);
    if (known !== undefined) return known;
    const asked = publishedVersion(name, tag, { signal: this.#signal });
    this.#versions.set(`${name}@${tag}`, asked);
    return asked;
  }
}

async function ownVersion(name: string): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(await readFile(manifest, "utf8")) as { version: string }).version;
}
