/** The npm command: the only way to the registry, with whatever registry, proxy and access its user has set. */

import { spawn } from "node:child_process";
import { EvertokenError } from "@evertoken/core";

/** npm cannot be run, reaches no registry, or found nothing there. */
export class NpmError extends EvertokenError {
  override readonly code = "NPM_FAILED";
}

/** @throws NpmError with the end of what npm complained about; the signal's reason when it aborts. */
export function npm(
  args: readonly string[],
  options: { readonly cwd: string; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const { cwd, signal } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    // On Windows npm is a script of the shell. None of the arguments comes from outside unchecked.
    const child = spawn("npm", [...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let [printed, complaints] = ["", ""];
    child.stdout.on("data", (text: Buffer) => {
      printed += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      complaints = (complaints + text.toString()).slice(-4000);
    });
    const kill = () => child.kill();
    signal?.addEventListener("abort", kill, { once: true });
    child.once("error", (error) => reject(new NpmError(`npm cannot be run: ${error.message}`, { cause: error })));
    child.once("close", (code) => {
      signal?.removeEventListener("abort", kill);
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0) resolve(printed);
      else reject(new NpmError(`npm ${args[0]} ended with ${code ?? "a signal"}: ${saidBy(complaints)}`));
    });
  });
}

/** What npm says is wrong, without its frame. */
function saidBy(complaints: string): string {
  const lines = complaints.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
  const said = lines.filter((line) => line !== "" && !/^(code |A complete log|.*-debug-\d+\.log)/.test(line));
  return said.slice(0, 4).join("; ").slice(0, 500) || "it did not say why";
}
