// Commands in the sandbox of the agent's unit: the unit as it is, but for what it starts.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { sh, shLater } from "./guest.mjs";

const PROBE = "evertoken-probe.service";
/** What makes a unit the agent's, not its sandbox. */
const OWN =
  /^(?:Type|NotifyAccess|WatchdogSec|Exec\w+|Restart\w*|Requires|After|RuntimeDirectory\w*|StateDirectory\w*)=.*\n/gm;

function write(attempts, { user, dropIn }) {
  const unit = readFileSync("/etc/systemd/system/evertoken-agent.service", "utf8")
    .replace(OWN, "")
    .replace(/^(User|Group)=.*$/gm, `$1=${user}`)
    .replace(
      "[Service]\n",
      "[Service]\nType=oneshot\nStandardOutput=truncate:/run/probe-results\nExecStart=/bin/sh /run/probe.sh\n",
    );
  writeFileSync(`/run/systemd/system/${PROBE}`, unit + (dropIn === undefined ? "" : readFileSync(dropIn, "utf8")));
  const lines = Object.values(attempts).map(
    (script) => `if ( ${script} ) >/dev/null 2>&1; then echo done; else echo not; fi`,
  );
  writeFileSync("/run/probe.sh", `${lines.join("\n")}\n`, { mode: 0o644 });
}

function results(attempts) {
  const lines = readFileSync("/run/probe-results", "utf8").trim().split("\n");
  rmSync(`/run/systemd/system/${PROBE}`);
  const names = Object.keys(attempts);
  if (lines.length !== names.length) throw new Error(`the sandbox ended early: ${lines.join(", ")}`);
  return names.map((what, index) => ({ what, done: lines[index] === "done" }));
}

export function sandbox(attempts, how) {
  write(attempts, how);
  sh(`systemctl daemon-reload && systemctl start ${PROBE}`);
  return results(attempts);
}

/** The same for what has to do with a server in this process. */
sandbox.later = async (attempts, how) => {
  write(attempts, how);
  await shLater(`systemctl daemon-reload && systemctl start ${PROBE}`);
  return results(attempts);
};
