/** A registry of npm packages on loopback that has what a test publishes there, and an npm that looks nowhere else. */

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { vi } from "vitest";

const SDK = "@aws-sdk/client-s3";

export interface Registry {
  /** Publishes a release of the SDK: the one of this checkout, after `first` was run; a `broken` one has no tarball. */
  publish(version: string, options?: { readonly first?: string; readonly broken?: boolean }): void;
  /** How often tarballs were asked for. */
  readonly downloads: () => number;
  close(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const tarballs = new Map<string, Buffer | undefined>();
  let downloads = 0;
  const server = createServer(({ url = "" }, response) => {
    const version = /([^/]+)\.tgz$/.exec(url)?.[1];
    if (version !== undefined) downloads += 1;
    const answer =
      version === undefined ? packument(decodeURIComponent(url), tarballs, origin()) : tarballs.get(version);
    if (answer === undefined) response.writeHead(404).end("{}");
    else response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = mkdtempSync(join(tmpdir(), "evertoken-npm-"));
  vi.stubEnv("npm_config_registry", origin());
  vi.stubEnv("npm_config_cache", cache);
  vi.stubEnv("npm_config_fetch_retries", "0");
  vi.stubEnv("npm_config_update_notifier", "false");
  return {
    publish: (version, { first = "", broken = false } = {}) => {
      tarballs.set(version, broken ? undefined : tarball(version, first));
    },
    downloads: () => downloads,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
      rmSync(cache, { recursive: true, force: true });
    },
  };
}

function packument(
  path: string,
  tarballs: ReadonlyMap<string, Buffer | undefined>,
  origin: string,
): string | undefined {
  if (path !== `/${SDK}`) return undefined;
  const versions = [...tarballs].map(([version, content]) => {
    const shasum = createHash("sha1")
      .update(content ?? "")
      .digest("hex");
    return [version, { name: SDK, version, dist: { tarball: `${origin}/${version}.tgz`, shasum } }] as const;
  });
  return JSON.stringify({
    name: SDK,
    "dist-tags": { latest: versions.at(-1)?.[0] },
    versions: Object.fromEntries(versions),
  });
}

function tarball(version: string, first: string): Buffer {
  const own = createRequire(import.meta.url).resolve(SDK);
  const files = {
    "package/package.json": JSON.stringify({ name: SDK, version, main: "index.js" }),
    "package/index.js": `${first}\nmodule.exports = require(${JSON.stringify(own)});\n`,
  };
  const entries = Object.entries(files).map(([name, content]) => tarEntry(name, Buffer.from(content)));
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
}

/** POSIX ustar: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 */
function tarEntry(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
