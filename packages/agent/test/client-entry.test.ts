import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

/** Prints the address of each module that is loaded with `@evertoken/agent/client`. */
const LOADED = `
import { register } from "node:module";
register("data:text/javascript," + encodeURIComponent(
  'import { writeSync } from "node:fs"; export async function load(url, context, next) { writeSync(1, url + "\\\\n"); return next(url, context); }'
));
await import("@evertoken/agent/client");
`;

it("programs that ask the agent load nothing of what it is made of", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", LOADED], {
    cwd: new URL("..", import.meta.url),
    encoding: "utf8",
  });

  expect(stderr).toBe("");
  expect(stdout).toContain("agent/dist/client.js");
  for (const own of ["agent/dist/agent.js", "/telemetry/", "/pino/", "/@opentelemetry/", "/@aws-sdk/", "/yaml/"]) {
    expect(stdout).not.toContain(own);
  }
});
