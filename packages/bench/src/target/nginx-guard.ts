/**
 * Runs nginx for as long as whoever started this process is there, and removes its folder in the end. nginx itself goes on
 * without its parent, so a run that was killed would leave one behind, at work on a port that nobody knows.
 *
 * In a group of processes of its own: a Ctrl-C on the terminal is for the run, which decides when its target ends.
 *
 * `node nginx-guard.js NGINX FOLDER`
 */

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

const [command = "", folder = ""] = process.argv.slice(2);
const nginx = spawn(command, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
  stdio: ["ignore", "ignore", "inherit"],
});

nginx.once("error", (error) => end(error.message));
nginx.once("exit", (code, signal) => end(`nginx ended by itself (${signal ?? `exit ${code}`})`));
process.once("disconnect", () => {
  nginx.removeAllListeners("exit");
  nginx.once("exit", () => end());
  nginx.kill("SIGTERM");
});

function end(complaint?: string): void {
  if (complaint !== undefined) console.error(complaint);
  rmSync(folder, { recursive: true, force: true });
  process.exit(complaint === undefined ? 0 : 1);
}
