/** The files of the page as they were built, read once: there are a handful, and none is large. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Answer } from "./answers.js";

const BUILT = fileURLToPath(new URL("../page/", import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

const COMPRESSIBLE = new Set([".html", ".js", ".css", ".svg"]);

interface File {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
  readonly gzipped: Buffer | undefined;
}

const NOT_BUILT = Buffer.from(
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Evertoken</title><p>This page was not built: run <code>npm run build</code>.</p></html>\n`,
);

export class BuiltPage {
  readonly #files: ReadonlyMap<string, File>;

  /** @param folder where it was built. Default: beside this code. */
  constructor(folder = BUILT) {
    const files = filesIn(folder).map((path): [string, File] => [
      `/${path}`,
      fileOf(path, readFileSync(join(folder, path))),
    ]);
    this.#files = new Map(files.length > 0 ? files : [["/index.html", fileOf("index.html", NOT_BUILT)]]);
  }

  has(path: string): boolean {
    return this.#files.has(fileName(path));
  }

  /** The text of a file; undefined when there is no such file. */
  text(path: string): string | undefined {
    return this.#files.get(fileName(path))?.body.toString("utf8");
  }

  /** Undefined when there is no such file. */
  answer(path: string, headers: IncomingHttpHeaders): Answer | undefined {
    const file = this.#files.get(fileName(path));
    if (file === undefined) return undefined;
    // Asked for each time, for another release may answer the next: 304 costs nothing on loopback.
    const always = { etag: file.etag, "cache-control": "no-cache", vary: "accept-encoding" };
    if (headers["if-none-match"]?.includes(file.etag)) return { status: 304, headers: always, body: "" };
    const mayZip = file.gzipped !== undefined && /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
    return {
      status: 200,
      headers: { ...always, "content-type": file.type, ...(mayZip ? { "content-encoding": "gzip" } : {}) },
      body: mayZip && file.gzipped !== undefined ? file.gzipped : file.body,
    };
  }
}

function fileName(path: string): string {
  return path === "/" ? "/index.html" : path;
}

/** Relative to the folder, with `/` between; none when it was not built. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && extname(entry.name) in TYPES)
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll("\\", "/").replace(/^\//, ""));
  } catch {
    return [];
  }
}

function fileOf(path: string, body: Buffer): File {
  const kind = extname(path);
  return {
    type: TYPES[kind] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    body,
    gzipped: COMPRESSIBLE.has(kind) ? gzipSync(body, { level: 9 }) : undefined,
  };
}
