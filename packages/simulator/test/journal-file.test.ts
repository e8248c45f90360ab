import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { InvalidInputError } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeJournal } from "../src/journal/file.js";
import { Journal } from "../src/journal.js";

/** A line of about 8 kB: a few thousand are more than may wait. */
const LONG = `/${"x".repeat(8000)}`;

function record(journal: Journal, times: number): void {
  for (let time = 0; time < times; time++) {
    const asked = { service: "imds", client: "default", operation: "token", method: "PUT", path: LONG } as const;
    journal.record({ at: 0, ...asked, status: 200, decision: "ok" });
  }
}

function pipe(): string {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-pipe-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "journal");
  execFileSync("mkfifo", [path]);
  return path;
}

/** Who has the pipe open, and reads when it is asked to. */
function reader(path: string) {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(fd));
  const buffer = Buffer.alloc(1 << 16);
  let text = "";
  const readAll = async () => {
    for (let idle = 0; idle < 50; ) {
      await nextTurn();
      try {
        const size = readSync(fd, buffer);
        idle = size === 0 ? idle + 1 : 0;
        text += buffer.toString("latin1", 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        idle += 1;
      }
    }
  };
  return {
    readAll,
    lines: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
  };
}

function warnings(): string[] {
  const heard: string[] = [];
  const hear = ({ message }: Error) => heard.push(message);
  process.on("warning", hear);
  onTestFinished(() => void process.off("warning", hear));
  return heard;
}

describe("a journal that is written into a pipe", () => {
  it("is refused at once where nobody reads", async () => {
    const journalFile = pipe();

    const start = startSimulator({ journalFile });

    await expect(start).rejects.toThrow(InvalidInputError);
    await expect(start).rejects.toThrow("journalFile cannot be written: nobody reads from the pipe");
  });

  it("leaves out what a slow reader does not take, tells once, and shows where lines are missing", async () => {
    const heard = warnings();
    const path = pipe();
    const slow = reader(path);
    const journal = new Journal();
    const file = writeJournal(journal, path);

    record(journal, 3000);
    await nextTurn();
    await slow.readAll();
    record(journal, 3000);
    await slow.readAll();
    record(journal, 1);
    const closed = file.close();
    await slow.readAll();
    await closed;

    const lines = slow.lines();
    const gaps = lines.filter(({ event }) => event === "left-out");
    const written = lines.filter(({ number }) => number !== undefined);
    expect(gaps).toHaveLength(2);
    expect(written.at(-1).number).toBe(6001);
    expect(written.length + gaps[0].lines + gaps[1].lines).toBe(6001);
    expect(heard).toEqual([expect.stringContaining("is written more slowly than requests come")]);
  });

  it("ends when the reader takes nothing more, and tells what is missing", async () => {
    const heard = warnings();
    const path = pipe();
    reader(path);
    const journal = new Journal();
    const file = writeJournal(journal, path);
    record(journal, 100);

    await file.close();

    await expect.poll(() => heard).toEqual([expect.stringMatching(/is not complete: nobody took its last \d+ bytes/)]);
  });
});

describe("a journal that is written into a file", () => {
  it("has every line of a burst that the disk can follow", async () => {
    const folder = mkdtempSync(join(tmpdir(), "evertoken-journal-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const journal = new Journal();
    const file = writeJournal(journal, join(folder, "run.jsonl"));

    record(journal, 1000);
    await file.close();

    expect(readFileSync(join(folder, "run.jsonl"), "utf8").split("\n")).toHaveLength(1001);
  });
});
