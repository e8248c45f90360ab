/**
 * Releases beside each other: each in a folder of its own under a cache, as npm installs it into an empty project. A folder
 * appears under its name when it is whole, by renaming, so that it never has half of a release in it, and several processes
 * may install the same one.
 *
 * The ranges in a release's own dependencies mean what they mean on the day of the install.
 */

import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { npm } from "./npm.js";

/** `$XDG_CACHE_HOME/evertoken/bench`, or what stands for it on this system. */
export function defaultCacheDir(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32" && LOCALAPPDATA) return join(LOCALAPPDATA, "evertoken", "bench");
  if (process.platform === "darwin" && !XDG_CACHE_HOME)
    return join(homedir(), "Library", "Caches", "evertoken", "bench");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "evertoken", "bench");
}

interface Release {
  readonly name: string;
  readonly version: string;
}

/**
 * @returns the folder in whose `node_modules` the release is.
 * @throws Error when npm cannot install it, which leaves nothing behind; the signal's reason when it aborts.
 */
export async function install(release: Release, cacheDir: string, signal?: AbortSignal): Promise<string> {
  const { name, version } = release;
  const folder = join(cacheDir, `${name.replace(/^@.*\//, "")}@${version}`);
  if (await isInstalled(release, folder)) return folder;
  await mkdir(cacheDir, { recursive: true });
  const unfinished = await mkdtemp(join(cacheDir, ".unfinished-"));
  try {
    await writeFile(
      join(unfinished, "package.json"),
      JSON.stringify({ private: true, name: "evertoken-bench-candidate" }),
    );
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await npm(["install", "--ignore-scripts", "--save-exact", ...quiet, `${name}@${version}`], {
      cwd: unfinished,
      signal,
    });
    await putInPlace(unfinished, folder, release);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Somebody else may have been faster: then theirs is as good. */
async function putInPlace(unfinished: string, folder: string, release: Release): Promise<void> {
  try {
    await rename(unfinished, folder);
  } catch (error) {
    if (!(await isInstalled(release, folder))) throw error;
  }
}

async function isInstalled({ name, version }: Release, folder: string): Promise<boolean> {
  const manifest = await readFile(join(folder, "node_modules", name, "package.json"), "utf8").catch(() => undefined);
  return manifest !== undefined && (JSON.parse(manifest) as { version?: unknown }).version === version;
}
