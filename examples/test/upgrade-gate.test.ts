import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const WORKFLOW = parse(readFileSync(join(import.meta.dirname, "../upgrade-gate/upgrade-gate.yaml"), "utf8")) as {
  readonly env: Readonly<Record<string, string>>;
  readonly jobs: { readonly bench: { readonly steps: readonly Step[] } };
};
const STEPS = WORKFLOW.jobs.bench.steps;
const MAIN = join(import.meta.dirname, "../../packages/cli/dist/main.js");

const scriptOf = (name: string) => STEPS.find((step) => step.name === name)?.run as string;

/** As the runner does it. */
function sh(script: string, env: Readonly<Record<string, string>>, cwd = tmpdir()) {
  return spawnSync("bash", ["-e", "-o", "pipefail", "-c", script], {
    cwd,
    env: { ...process.env, ...WORKFLOW.env, ...env },
    encoding: "utf8",
  });
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-gate-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("the workflow of the upgrade gate", () => {
  it.each(STEPS.filter(({ run }) => run !== undefined).map(({ name, run }) => [name, run]))(
    "has a script in its step %s that a shell can read",
    (_, run) => {
      expect(spawnSync("bash", ["-n", "-c", run as string], { encoding: "utf8" }).stderr).toBe("");
    },
  );

  it("finds the versions of the SDK before and after in the lock files", () => {
    const folder = emptyFolder();
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=gate", "-c", "user.email=gate@example.com", ...args], {
        cwd: folder,
        encoding: "utf8",
      });
    const lock = (version: string) =>
      writeFileSync(
        join(folder, "package-lock.json"),
        JSON.stringify({ packages: { "node_modules/@aws-sdk/client-s3": { version } } }),
      );
    git("init", "--quiet");
    lock("3.700.0");
    git("add", ".");
    git("commit", "--quiet", "--message", "before");
    lock("3.1173.0");
    const output = join(folder, "output");

    const { status } = sh(scriptOf("Which versions"), { BASE: "HEAD", GITHUB_OUTPUT: output }, folder);

    expect(status).toBe(0);
    expect(readFileSync(output, "utf8")).toBe("before=3.700.0\nafter=3.1173.0\n");
  });

  it("calls the bench with options that it knows: all it objects to is a version that is none", () => {
    const folder = emptyFolder();
    const script = scriptOf("Bench").replace("npx --yes evertoken", `${process.execPath} ${MAIN}`);
    const output = join(folder, "output");

    const { status, stderr } = sh(script, { BEFORE: "3.700.0", AFTER: "none at all", GITHUB_OUTPUT: output }, folder);

    expect(stderr).toMatch(/^evertoken: candidates of the bench: "sdk@none at all" is unknown/);
    // The step goes on, so that the ones behind it can tell.
    expect(status).toBe(0);
    expect(readFileSync(output, "utf8")).toBe("code=2\n");
  });

  it.each([
    ["0", 0, "No worse."],
    ["1", 1, "::error::"],
    ["2", 1, "::error::"],
    ["3", 0, "::warning::"],
  ])("lets a pull request pass or not by the bench's exit code: %s", (code, status, said) => {
    const verdict = sh(scriptOf("Verdict"), { CODE: code });

    expect(verdict.status).toBe(status);
    expect(verdict.stdout).toContain(said);
  });
});
