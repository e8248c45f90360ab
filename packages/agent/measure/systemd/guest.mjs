// What the checks need of the machine they run on: commands, requests, the simulated IMDS, a place to say how it went.
import { execFile, execFileSync } from "node:child_process";
import { openSync, readFileSync, writeSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const LIMIT_MS = 60_000;

/** The second serial port: what is written there comes out of the virtual machine. */
let out;

export function say(text) {
  out ??= openSync("/dev/ttyS1", "w");
  for (const line of text.split("\n")) writeSync(out, `${line}\n`);
}

export function sh(script) {
  return execFileSync("/bin/sh", ["-c", script], {
    encoding: "utf8",
    timeout: LIMIT_MS,
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

export function shLater(script) {
  return promisify(execFile)("/bin/sh", ["-c", script], { timeout: LIMIT_MS });
}

/** Whether it runs without an error, and what it said. */
export function tried(script) {
  try {
    return { done: true, said: sh(script) };
  } catch (error) {
    return { done: false, said: `${error.stdout ?? ""}${error.stderr ?? error.message}`.trim() };
  }
}

/** The same as another user of this host. */
export const as = (user, script, groups = "--clear-groups") =>
  tried(`setpriv --reuid=${user} --regid=${user === "nobody" ? "nogroup" : user} ${groups} /bin/sh -c '${script}'`);

export const systemctl = (...args) => sh(`systemctl ${args.join(" ")}`);

export const property = (name, unit = "evertoken-agent.service") => systemctl("show", "--value", "-p", name, unit);

export async function eventually(ask, isRight, limitMs = LIMIT_MS) {
  const end = performance.now() + limitMs;
  for (;;) {
    let last;
    try {
      last = await ask();
      if (isRight(last)) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end)
      throw new Error(`it did not come about in ${limitMs} ms; last: ${JSON.stringify(last?.message ?? last)}`);
    await sleep(200);
  }
}

export function http(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false, timeout: LIMIT_MS }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.on("error", reject);
    asked.end(body);
  });
}

export const TOKEN_FILE = "/run/evertoken/authorization-token";

/** Everything that no log may hold. */
export const secrets = new Set();

export async function ask() {
  const authorization = readFileSync(TOKEN_FILE, "utf8");
  secrets.add(authorization);
  const answer = await http("http://127.0.0.1:9820/v1/credentials", { headers: { authorization } });
  if (answer.status !== 200) return { status: answer.status, retryAfter: answer.headers["retry-after"] };
  const credentials = JSON.parse(answer.text);
  secrets.add(credentials.SecretAccessKey).add(credentials.Token);
  return { status: 200, ...credentials };
}

export const status = async () => JSON.parse((await http("http://127.0.0.1:9822/v1/status")).text);

export const readiness = async () => {
  const { status, text } = await http("http://127.0.0.1:9822/readyz");
  return { status, ...JSON.parse(text) };
};

/** The simulated IMDS's admin API. */
export const imds = {
  post: (path, body) => http(`http://127.0.0.1:1339${path}`, { method: "POST", body: JSON.stringify(body) }),
  down: () => imds.post("/faults", { fault: "imds-refused" }),
  up: () => http("http://127.0.0.1:1339/faults", { method: "DELETE" }),
};

export const journal = (since = "") => sh(`journalctl -u evertoken-agent.service -o cat --no-pager ${since}`);

export { sleep };
