import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { evertoken } from "./command.js";

/**
 * Clients as Debian packages them (`awscli`, `python3-boto3`, `rclone`, `restic`, `s3cmd`), untouched, through `evertoken
 * simulate`: with credentials from its IMDS and nothing else, once with credentials that last and once with credentials
 * that live six seconds and rotate every three while the client works. In CI they must be there; elsewhere a missing one
 * is skipped.
 */

const AWS = "/usr/bin/aws";
const PYTHON = "/usr/bin/python3";

const MIB = 1 << 20;
const FILES = 1000;

const CLIENTS = "awscli, python3-boto3, rclone, restic and s3cmd";

const work = mkdtempSync(join(tmpdir(), "evertoken-clients-"));
beforeAll(() => {
  mkdirSync(join(work, "many"));
  for (let file = 0; file < FILES; file++) writeFileSync(join(work, "many", `file-${file}`), `content of ${file}`);
  writeFileSync(join(work, "large"), randomBytes(64 * MIB));
  writeFileSync(join(work, "empty"), "");
});
afterAll(() => rmSync(work, { recursive: true }));

/** Longer than the credentials live that rotate: 64 MiB at 8 MiB a second, a thousand requests at 120 a second. */
const SLOWLY = "8M";

const LASTING = { lifetime: 360, rotation: 60 };
const ROTATING = { lifetime: 0.1, rotation: 0.05 };

interface Finished {
  readonly code: number;
  readonly printed: string;
}

/** Starts the command and gives the environment of a client on its instance. */
async function instance({ lifetime, rotation }: { lifetime: number; rotation: number } = LASTING) {
  const ports = ["--imds-port", "0", "--s3-port", "0"];
  const ends = ["--lifetime", String(lifetime), "--rotation", String(rotation)];
  const simulate = evertoken(["simulate", "--json", ...ports, ...ends]);
  const [first = ""] = (await simulate.says("\n")).split("\n");
  const { imdsUrl, s3Url } = JSON.parse(first) as { imdsUrl: string; s3Url: string };
  const home = mkdtempSync(join(work, "home-"));
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    // Without the slash this botocore asks for `http://127.0.0.1:1338latest`.
    AWS_EC2_METADATA_SERVICE_ENDPOINT: `${imdsUrl}/`,
  };
  const run = (tool: string, args: readonly string[], more: Record<string, string> = {}): Promise<Finished> =>
    new Promise((resolve) => {
      const options = { env: { ...env, ...more }, cwd: home, timeout: 60_000, maxBuffer: 64 * MIB };
      execFile(tool, [...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), printed: `${stdout}${stderr}` });
      });
    });
  const entries = () =>
    simulate
      .printed()
      .split("\n")
      .filter((line) => line.startsWith('{"number"'))
      .map((line) => JSON.parse(line) as { service: string; operation: string; generation?: number; decision: string });
  const generations = () => new Set(entries().flatMap((entry) => (entry.service === "s3" ? [entry.generation] : [])));
  const operations = () => new Set(entries().map(({ operation }) => operation));
  const expired = () => entries().filter(({ decision }) => decision.startsWith("ExpiredToken")).length;
  return { env, home, imdsUrl, s3Url, run, entries, generations, operations, expired };
}

type Instance = Awaited<ReturnType<typeof instance>>;

async function credentialsOf({ imdsUrl }: Pick<Instance, "imdsUrl">) {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  const token = await (await fetch(`${imdsUrl}/latest/api/token`, { method: "PUT", headers: ttl })).text();
  const path = "/latest/meta-data/iam/security-credentials/evertoken-role";
  const answer = await fetch(`${imdsUrl}${path}`, { headers: { "x-aws-ec2-metadata-token": token } });
  return (await answer.json()) as { AccessKeyId: string; SecretAccessKey: string; Token: string };
}

const sameAsWritten = (name: string, path: string) => readFileSync(path).equals(readFileSync(join(work, name)));

const sameFiles = (path: string) =>
  readdirSync(path).length === FILES &&
  readdirSync(path).every((name) => sameAsWritten(`many/${name}`, join(path, name)));

describe("the AWS CLI", { timeout: 120_000 }, () => {
  it.skipIf(isMissing(CLIENTS, AWS, "--version"))(
    "syncs a thousand files and 64 MiB in parts both ways, and presigns an address that works until its end",
    async () => {
      const { s3Url, run, home, operations, entries } = await instance();
      const s3 = (...args: string[]) => run(AWS, ["--endpoint-url", s3Url, "s3", ...args]);

      expect(await s3("sync", "--only-show-errors", join(work, "many"), "s3://reports/many")).toMatchObject({
        code: 0,
      });
      for (const name of ["large", "empty"]) {
        expect(await s3("cp", "--no-progress", join(work, name), `s3://reports/${name}`)).toMatchObject({ code: 0 });
      }
      const { printed: listed } = await s3("ls", "s3://reports/");
      await s3("sync", "--only-show-errors", "s3://reports/", "down");
      const { printed: presigned } = await s3("presign", "--expires-in", "60", "s3://reports/many/file-7");
      const again = await s3("sync", join(work, "many"), "s3://reports/many");

      expect(listed).toMatch(/ PRE many\/\n.* 0 empty\n.* 67108864 large\n/);
      expect(sameFiles(join(home, "down", "many"))).toBe(true);
      expect(sameAsWritten("large", join(home, "down", "large"))).toBe(true);
      expect(await (await fetch(presigned.trim())).text()).toBe("content of 7");
      // Nothing has changed, so nothing is sent.
      expect(again).toEqual({ code: 0, printed: "" });
      expect(operations()).toContain("CompleteMultipartUpload");
      expect(entries().filter(({ service, decision }) => service === "s3" && decision !== "ok")).toEqual([]);
    },
  );

  it.skipIf(isMissing(CLIENTS, AWS, "--version"))(
    "goes on with credentials beyond their end, because botocore puts off the end that IMDS tells when it is near",
    async () => {
      const { s3Url, run, home, expired } = await instance(ROTATING);
      mkdirSync(join(home, ".aws"));
      writeFileSync(join(home, ".aws", "config"), `[default]\ns3 =\n  max_bandwidth = ${SLOWLY}B/s\n`);

      const copied = await run(AWS, ["--endpoint-url", s3Url, "s3", "cp", join(work, "large"), "s3://reports/large"]);

      expect(copied.code).toBe(1);
      expect(copied.printed).toContain("ExpiredToken");
      expect(expired()).toBeGreaterThan(0);
    },
  );
});

describe("boto3", { timeout: 120_000 }, () => {
  const script = (lines: string) =>
    `import json, sys, time, boto3, botocore.config\ns3 = boto3.client("s3", endpoint_url=sys.argv[1], config=botocore.config.Config(signature_version="s3v4"))\n${lines}`;

  it.skipIf(isMissing(CLIENTS, PYTHON, "-c", "import boto3"))(
    "carries files in parts, lists page by page, and presigns for a browser's form too",
    async () => {
      const { s3Url, run, home } = await instance();
      const lines = `
for name in ["large", "empty"]:
    s3.upload_file(sys.argv[2] + "/" + name, "reports", "up/" + name, ExtraArgs={"Metadata": {"owner": "billing"}})
    s3.download_file("reports", "up/" + name, name)
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="reports", PaginationConfig={"PageSize": 1})
listed = {o["Key"]: o["Size"] for page in pages for o in page["Contents"]}
post = s3.generate_presigned_post("reports", "form/\${filename}", Conditions=[["content-length-range", 1, 100]])
put = s3.generate_presigned_url("put_object", Params={"Bucket": "reports", "Key": "put"})
print(json.dumps({"listed": listed, "post": post, "put": put}))`;

      const done = await run(PYTHON, ["-c", script(lines), s3Url, work]);
      expect(done.code, done.printed).toBe(0);
      const { listed, post, put } = JSON.parse(done.printed);
      const form = new FormData();
      for (const [name, value] of Object.entries(post.fields)) form.set(name, value as string);
      form.set("file", new Blob(["a form's content"]), "notes.txt");
      const posted = await fetch(post.url, { method: "POST", body: form });
      const written = await fetch(put, { method: "PUT", body: "by address" });

      expect(listed).toEqual({ "up/empty": 0, "up/large": 64 * MIB });
      expect(sameAsWritten("large", join(home, "large"))).toBe(true);
      expect([posted.status, written.status]).toEqual([204, 200]);
      const read = `print(s3.get_object(Bucket="reports", Key="form/notes.txt")["Body"].read().decode())`;
      expect(await run(PYTHON, ["-c", script(read), s3Url])).toEqual({ code: 0, printed: "a form's content\n" });
    },
  );

  it.skipIf(isMissing(CLIENTS, PYTHON, "-c", "import boto3"))(
    "is refused as expired once the credentials it holds have ended, as on AWS",
    async () => {
      const { s3Url, run } = await instance(ROTATING);
      const lines = `
try:
    for second in range(20):
        s3.put_object(Bucket="reports", Key="key", Body=b"x")
        time.sleep(0.5)
except botocore.exceptions.ClientError as error: print(error.response["Error"]["Code"])`;

      expect((await run(PYTHON, ["-c", script(lines), s3Url])).printed).toBe("ExpiredToken\n");
    },
  );

  it.skipIf(isMissing(CLIENTS, PYTHON, "-c", "import boto3"))(
    "is refused as on AWS with credentials that this IMDS never issued",
    async () => {
      const { s3Url, run } = await instance();
      const lines = `
try: s3.list_buckets()
except botocore.exceptions.ClientError as error: print(error.response["Error"]["Code"])`;
      const madeUp = { AWS_ACCESS_KEY_ID: "ASIAMADEUPMADEUPMADE", AWS_SECRET_ACCESS_KEY: "x", AWS_SESSION_TOKEN: "y" };

      expect((await run(PYTHON, ["-c", script(lines), s3Url], madeUp)).printed).toBe("InvalidAccessKeyId\n");
    },
  );
});

describe("rclone", { timeout: 120_000 }, () => {
  const remoteAt = (s3Url: string) => ({
    ...{ RCLONE_CONFIG: join(work, "empty"), RCLONE_S3_PROVIDER: "Other", RCLONE_S3_ENV_AUTH: "true" },
    ...{ RCLONE_S3_ENDPOINT: s3Url, RCLONE_S3_REGION: "us-east-1" },
  });

  it.skipIf(isMissing(CLIENTS, "rclone", "version"))("syncs and checks, in parts too", async () => {
    const { s3Url, run, home, operations } = await instance();
    const rclone = (...args: string[]) => run("rclone", args, remoteAt(s3Url));

    expect(await rclone("sync", join(work, "many"), ":s3:reports/many")).toMatchObject({ code: 0 });
    expect(await rclone("copyto", "--s3-upload-cutoff", "16M", join(work, "large"), ":s3:reports/large")).toMatchObject(
      { code: 0 },
    );
    const { printed: checked } = await rclone("check", "--download", join(work, "many"), ":s3:reports/many");
    await rclone("copyto", ":s3:reports/large", "down");
    await rclone("moveto", ":s3:reports/large", ":s3:reports/moved");
    const { printed: listed } = await rclone("lsf", ":s3:reports");

    expect(checked).toContain(`${FILES} matching files`);
    expect(checked).toContain("0 differences");
    expect(sameAsWritten("large", join(home, "down"))).toBe(true);
    expect(listed).toBe("many/\nmoved\n");
    expect([...operations()]).toEqual(expect.arrayContaining(["CompleteMultipartUpload", "CopyObject"]));
  });

  it.skipIf(isMissing(CLIENTS, "rclone", "version"))("gets through rotations: it asks IMDS again in time", async () => {
    const { s3Url, run, generations, expired } = await instance(ROTATING);
    const rclone = (...args: string[]) => run("rclone", args, remoteAt(s3Url));

    expect(await rclone("sync", "--tpslimit", "120", join(work, "many"), ":s3:reports/many")).toMatchObject({
      code: 0,
    });
    expect((await rclone("check", join(work, "many"), ":s3:reports/many")).printed).toContain("0 differences");

    expect(generations().size).toBeGreaterThan(2);
    expect(expired()).toBe(0);
  });
});

describe("restic", { timeout: 120_000 }, () => {
  const repositoryAt = (s3Url: string) => ({
    RESTIC_REPOSITORY: `s3:${s3Url}/backups/repo`,
    RESTIC_PASSWORD: "secret",
  });

  /** It asks IMDS at no other address than the true one; what IMDS says is brought to it as a container's credentials. */
  async function containerEndpoint(from: Instance): Promise<Record<string, string>> {
    const server = createServer(async (_incoming, outgoing) => outgoing.end(JSON.stringify(await credentialsOf(from))));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close().closeAllConnections());
    return { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
  }

  it.skipIf(isMissing(CLIENTS, "restic", "version")).each([
    ["that last", LASTING, []],
    ["that rotate: it gets through", ROTATING, ["--limit-upload", "8192"]],
  ])("backs up, checks and restores with credentials %s", async (_, ends, limit) => {
    const room = await instance(ends);
    const { s3Url, run, home, generations } = room;
    const credentials = await containerEndpoint(room);
    const restic = async (...args: string[]) => run("restic", args, { ...repositoryAt(s3Url), ...credentials });
    cpSync(join(work, "many"), join(home, "many"), { recursive: true });
    cpSync(join(work, "large"), join(home, "large"));

    for (const step of [
      ["init"],
      ["backup", ...limit, "many", "large"],
      ["check", "--read-data"],
      ["restore", "latest", "--target", "restored"],
    ]) {
      const { code, printed } = await restic(...step);
      expect(code, printed).toBe(0);
    }

    expect(sameFiles(join(home, "restored", "many"))).toBe(true);
    expect(sameAsWritten("large", join(home, "restored", "large"))).toBe(true);
    if (ends === ROTATING) expect(generations().size).toBeGreaterThan(1);
  });
});

describe("s3cmd", { timeout: 120_000 }, () => {
  /** It asks IMDS at no other address than the true one, so that it gets what IMDS says as its environment. */
  async function s3cmdOn(room: Instance) {
    const { AccessKeyId, SecretAccessKey, Token } = await credentialsOf(room);
    const env = { AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey, AWS_SESSION_TOKEN: Token };
    const { host } = new URL(room.s3Url);
    const where = ["--no-ssl", `--host=${host}`, `--host-bucket=${host}`, "--region=us-east-1", "--no-progress"];
    return (...args: string[]) => room.run("s3cmd", [...where, ...args], env);
  }

  it.skipIf(isMissing(CLIENTS, "s3cmd", "--version"))(
    "makes a bucket, syncs, copies, tells about and deletes",
    async () => {
      const room = await instance();
      const s3cmd = await s3cmdOn(room);

      for (const step of [
        ["mb", "s3://reports"],
        ["sync", `${join(work, "many")}/`, "s3://reports/many/"],
        ["put", join(work, "large"), "s3://reports/large"],
        ["cp", "s3://reports/large", "s3://reports/copy"],
        ["get", "s3://reports/copy", "down"],
        ["info", "s3://reports/large"],
        ["del", "--recursive", "--force", "s3://reports/many/"],
      ]) {
        const { code, printed } = await s3cmd(...step);
        expect(code, printed).toBe(0);
      }

      expect(sameAsWritten("large", join(room.home, "down"))).toBe(true);
      expect((await s3cmd("ls", "--recursive", "s3://reports")).printed.trim().split("\n")).toHaveLength(2);
    },
  );

  it.skipIf(isMissing(CLIENTS, "s3cmd", "--version"))(
    "is refused as expired when the credentials of its environment end under it",
    async () => {
      const room = await instance(ROTATING);
      const s3cmd = await s3cmdOn(room);

      const { code, printed } = await s3cmd("put", "--limit-rate=8m", join(work, "large"), "s3://reports/large");

      expect(code).not.toBe(0);
      expect(printed).toContain("ExpiredToken");
    },
  );
});
