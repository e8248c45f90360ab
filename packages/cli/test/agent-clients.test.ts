/** The AWS CLI and boto3 as Debian packages them, behind `evertoken agent --simulate`, by both protocols. */

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken } from "./command.js";

const run = promisify(execFile);
const PYTHON = "/usr/bin/python3";
const MAIN = new URL("../dist/main.js", import.meta.url).pathname;

function isMissing(tool: string, ...args: string[]): boolean {
  if (process.env.EVERTOKEN_REAL_CLIENTS === "tested") return true;
  const missing = spawnSync(tool, args).status !== 0;
  if (missing && process.env.CI === "true")
    throw new Error(`${tool} ${args.join(" ")} does not run, and in CI it must`);
  if (missing) console.warn(`SKIPPED: ${tool} ${args.join(" ")} does not run here; install awscli and python3-boto3`);
  return missing;
}

/** Runs a client by `evertoken exec` against the S3 that takes only what the agent's instance was given. */
async function behindAgent(via: string, client: (s3Url: string) => string[], options: readonly string[] = []) {
  const directory = mkdtempSync(join(tmpdir(), "evertoken-agent-clients-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const ports = ["--port", "0", "--imds-port", "0", "--admin-port", "0"];
  const agent = evertoken(["agent", "--simulate", "--directory", directory, ...ports]);
  const printed = await agent.says("the agent answers");
  const [, s3Url = ""] = /takes its credentials at (\S+)/.exec(printed) ?? [];
  const exec = [MAIN, "exec", "--via", via, "--directory", directory, ...options, "--", ...client(s3Url)];
  const { stdout } = await run(process.execPath, exec, {
    env: { PATH: process.env.PATH, HOME: directory, AWS_REGION: "us-east-1" },
  });
  return { stdout, agent };
}

const BOTO3 = `
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1])
s3.put_object(Bucket="reports", Key="one", Body=b"1")
print(s3.list_objects_v2(Bucket="reports")["Contents"][0]["Key"], s3._request_signer._credentials.method)
`;

describe.each([
  ["container", "container-role"],
  ["imds", "iam-role"],
])("by the %s protocol", { timeout: 60_000 }, (via, method) => {
  it.skipIf(isMissing("aws", "--version"))("the AWS CLI lists buckets", async () => {
    const { agent } = await behindAgent(via, (s3Url) => ["aws", "--endpoint-url", s3Url, "s3", "ls"]);

    expect(agent.printed()).toContain(`"via":"${via}"`);
  });

  it.skipIf(isMissing(PYTHON, "-c", "import boto3"))("boto3 writes and lists, with what the agent gave", async () => {
    // Debian 12's botocore (1.29) knows no token files.
    const old = ["--token-in-environment"];
    const { stdout } = await behindAgent(via, (s3Url) => [PYTHON, "-c", BOTO3, s3Url], old);

    expect(stdout.trim()).toBe(`one ${method}`);
  });
});
