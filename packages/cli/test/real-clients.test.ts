import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { evertoken } from "./command.js";

/**
 * The AWS CLI and boto3 as Debian packages them (`awscli`, `python3-boto3`), untouched, through `evertoken simulate`. They
 * get their credentials from its IMDS and nothing else. In CI they must be there; elsewhere a missing one is skipped.
 */

const run = promisify(execFile);
const PYTHON = "/usr/bin/python3";

const MIB = 1 << 20;
const SIZES = { empty: 0, byte: 1, "5MiB": 5 * MIB, "40MiB": 40 * MIB };

const CLIENTS = "awscli and python3-boto3";

const work = mkdtempSync(join(tmpdir(), "evertoken-clients-"));
beforeAll(() => {
  for (const [name, size] of Object.entries(SIZES)) writeFileSync(join(work, name), randomBytes(size));
});
afterAll(() => rmSync(work, { recursive: true }));

/** Starts the command and gives the environment of a client on its instance. */
async function instance() {
  const simulate = evertoken(["simulate", "--json", "--imds-port", "0", "--s3-port", "0"]);
  const [first = ""] = (await simulate.says("\n")).split("\n");
  const { imdsUrl, s3Url } = JSON.parse(first) as { imdsUrl: string; s3Url: string };
  const env = {
    PATH: process.env.PATH,
    HOME: work,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsUrl,
  };
  return { env, s3Url, simulate };
}

const sameAsWritten = (name: string, path: string) => readFileSync(path).equals(readFileSync(join(work, name)));

describe("the AWS CLI", { timeout: 120_000 }, () => {
  it.skipIf(isMissing(CLIENTS, "aws", "--version"))(
    "copies files up, lists them and copies them down, byte for byte",
    async () => {
      const { env, s3Url, simulate } = await instance();
      const aws = (...args: string[]) => run("aws", ["--endpoint-url", s3Url, "s3", ...args], { env, cwd: work });

      for (const name of Object.keys(SIZES)) await aws("cp", "--no-progress", name, `s3://reports/up/${name}`);
      const { stdout: listed } = await aws("ls", "s3://reports/up/");
      await aws("cp", "--no-progress", "--recursive", "s3://reports/up/", "aws-down");

      for (const [name, size] of Object.entries(SIZES)) {
        expect(listed).toMatch(new RegExp(` ${size} ${name}\n`));
        expect(sameAsWritten(name, join(work, "aws-down", name))).toBe(true);
      }
      // It is the multipart upload that carried the largest, and IMDS that gave the credentials.
      expect(simulate.printed()).toContain('"operation":"CompleteMultipartUpload"');
      expect(simulate.printed()).toContain('"operation":"credentials"');
    },
  );
});

describe("boto3", { timeout: 120_000 }, () => {
  it.skipIf(isMissing(CLIENTS, PYTHON, "-c", "import boto3"))("does the same", async () => {
    const { env, s3Url, simulate } = await instance();
    const script = join(work, "transfer.py");
    writeFileSync(
      script,
      `
import json, os, sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1])
os.mkdir("boto3-down")
for name in sys.argv[2:]:
    s3.upload_file(name, "reports", "up/" + name)
    s3.download_file("reports", "up/" + name, "boto3-down/" + name)
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="reports", PaginationConfig={"PageSize": 3})
print(json.dumps({o["Key"]: o["Size"] for page in pages for o in page["Contents"]}))
`,
    );

    const { stdout } = await run(PYTHON, [script, s3Url, ...Object.keys(SIZES)], { env, cwd: work });

    expect(JSON.parse(stdout)).toEqual(
      Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [`up/${name}`, size])),
    );
    for (const name of Object.keys(SIZES)) expect(sameAsWritten(name, join(work, "boto3-down", name))).toBe(true);
    expect(simulate.printed()).toContain('"operation":"UploadPart"');
  });

  it.skipIf(isMissing(CLIENTS, PYTHON, "-c", "import boto3"))(
    "is refused as on AWS with credentials that this IMDS never issued",
    async () => {
      const { env, s3Url } = await instance();
      const script = [
        "import sys, boto3, botocore",
        "s3 = boto3.client('s3', endpoint_url=sys.argv[1], aws_access_key_id='ASIAMADEUPMADEUPMADE', aws_secret_access_key='x', aws_session_token='y')",
        "try: s3.list_buckets()",
        "except botocore.exceptions.ClientError as error: print(error.response['Error']['Code'])",
      ].join("\n");

      const { stdout } = await run(PYTHON, ["-c", script, s3Url], { env, cwd: work });

      expect(stdout.trim()).toBe("InvalidAccessKeyId");
    },
  );
});
