import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const MAIN = join(import.meta.dirname, "..", "dist", "main.js");

describe("the command", () => {
  it("is a program that npm can link before anything is built", async () => {
    const folder = join(import.meta.dirname, "..");
    const { bin, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

    const { stdout } = await promisify(execFile)(join(folder, bin.evertoken), ["--version"]);

    expect(stdout.trim()).toBe(version);
    expect(bin.evertoken).not.toContain("dist");
  });

  it("ends quietly when nobody reads what it prints any more, as with `| head`", async () => {
    const child = spawn(process.execPath, ["--no-warnings", MAIN, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const complaints: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));

    const [code] = await once(child, "close");

    expect(Buffer.concat(complaints).toString()).toBe("");
    expect(code).toBe(0);
  });
});
