/**
 * The page with its record in it, as one file that needs nothing else: opened from a disk, sent by mail. It holds the same bytes of
 * script and style as the page that is served, allowed by their hashes, and may load nothing.
 */

import { createHash } from "node:crypto";
import { EvertokenError } from "@evertoken/core";
import type { Hello } from "@evertoken/telemetry/live";
import { BuiltPage } from "./built-page.js";

/** The page was not built in a way that fits into one file. */
export class ReportError extends EvertokenError {
  override readonly code = "REPORT";
}

const SCRIPT = /<script\b[^>]*\bsrc="([^"]+)"[^>]*><\/script>/g;
const STYLE = /<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="([^"]+)"[^>]*>/g;
const ICON = /<link\b(?=[^>]*\brel="icon")[^>]*\bhref="([^"]+)"[^>]*>/g;

const NOT_BUILT = "the page was not built as one script: npm run build.";

/**
 * Better told before there is something to report.
 * @throws ReportError when the page was not built.
 */
export function assertReportable(folder?: string): void {
  const scripts = [...(new BuiltPage(folder).text("/") ?? "").matchAll(SCRIPT)];
  if (scripts.length !== 1) throw new ReportError(NOT_BUILT);
}

/**
 * @param folder where the page was built. Default: in this package.
 * @throws ReportError when the page was not built.
 */
export function reportOf(hello: Hello, folder?: string): string {
  const page = new BuiltPage(folder);
  const hashes = { script: [] as string[], style: [] as string[] };
  const file = (path: string) => {
    const text = page.text(path.replace(/^\.?\/?/, "/"));
    if (text === undefined) throw new ReportError(`the page has no ${path}: build it with npm run build.`);
    return text;
  };
  const record = `<script type="application/json" id="record">${JSON.stringify({ hello }).replaceAll("<", "\\u003c")}</script>`;
  const body = (page.text("/") ?? "")
    .replace(STYLE, (_, path: string) => {
      const style = file(path);
      hashes.style.push(hashOf(style));
      return `<style>${style}</style>`;
    })
    .replace(SCRIPT, (_, path: string) => {
      const script = inScript(file(path));
      hashes.script.push(hashOf(script));
      return `${record}<script type="module">${script}</script>`;
    })
    .replace(ICON, (_, path: string) => `<link rel="icon" href="data:image/svg+xml;base64,${base64(file(path))}">`);
  if (hashes.script.length !== 1) throw new ReportError(NOT_BUILT);
  const policy = `default-src 'none'; script-src ${hashes.script.join(" ")}; style-src ${hashes.style.join(" ")}; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  return body.replace(/<head>/, `<head><meta http-equiv="content-security-policy" content="${policy}">`);
}

/** Nothing in it can end the element that it stands in. */
function inScript(text: string): string {
  return text.replace(/<(?=\/script|!--)/gi, "\\u003c");
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
