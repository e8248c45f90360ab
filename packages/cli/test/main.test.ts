import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const MAIN = join(import.meta.dirname, "..", "dist", "main.js");

describe("the command", () => {
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
