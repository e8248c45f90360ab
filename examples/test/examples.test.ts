import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Simulator, type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

async function simulated(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  onTestFinished(() => simulator.close());
  return simulator;
}

interface Running {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  printed(): string;
  /** Waits until it prints something that matches. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Its exit code. */
  ended(): Promise<number>;
}

/** Runs an example as its user would, on the simulator. */
function run(name: string, simulator: Simulator): Running {
  const child = spawn(process.execPath, ["--no-warnings", join(import.meta.dirname, "../dist", `${name}.js`)], {
    env: { ...process.env, PORT: "0", ...simulator.environment() },
    timeout: 20_000,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const closed = once(child, "close") as Promise<[number | null]>;
  return {
    child,
    printed: () => text,
    until: async (pattern) => {
      for (;;) {
        const found = pattern.exec(text);
        if (found !== null) return found;
        if (child.exitCode !== null) throw new Error(`it ended without printing ${pattern}:\n${text}`);
        await Promise.race([once(child.stdout, "data"), closed]);
      }
    },
    ended: async () => (await closed)[0] ?? -1,
  };
}

const countOf = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

describe("moving from one client", () => {
  it("begins with a program that ends when its credentials are revoked", async () => {
    const simulator = await simulated();
    const program = run("from-one-client/before", simulator);
    await program.until(/report 3 written/);

    simulator.fault("credentials-revoked");

    expect(await program.ended()).toBe(1);
    expect(program.printed()).toContain("ExpiredToken");
  });

  it("leads to one that writes all reports", async () => {
    const simulator = await simulated();
    const program = run("from-one-client/after", simulator);
    await program.until(/report 3 written/);

    simulator.fault("credentials-revoked");

    expect(await program.ended()).toBe(0);
    expect(countOf(program.printed(), /report \d+ written/g)).toBe(20);
    expect(program.printed()).toContain("1 replayed, 0 surfaced");
  });
});

describe("moving from a hand-made pool", () => {
  it.each(["before", "after"])("does not change what the program does (%s)", async (version) => {
    const program = run(`from-hand-made-pool/${version}`, await simulated());

    expect(await program.ended()).toBe(0);
    expect(program.printed()).toBe("order 1: one tea\n");
  });
});

describe("an Express service", () => {
  const listening = async (simulator: Simulator) => {
    const program = run("express-service", simulator);
    const [, url] = await program.until(/listening on (\S+)/);
    return { program, url };
  };

  it("keeps files and gives them back, whatever happens to its credentials", async () => {
    const simulator = await simulated();
    const { program, url } = await listening(simulator);
    const content = "a,b\n".repeat(50_000);
    const put = () => fetch(`${url}/files/report.csv`, { method: "PUT", body: content });
    expect((await put()).status).toBe(201);

    simulator.fault("credentials-revoked");
    const kept = await put();
    const given = await fetch(`${url}/files/report.csv`);

    expect(kept.status).toBe(201);
    expect(await given.text()).toBe(content);
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ failed: 0, replayed: 1 });
    expect(program.printed()).toContain("PutObjectCommand replayed after ExpiredToken");
  });

  it("answers mistakes as such", async () => {
    const { url } = await listening(await simulated());

    expect((await fetch(`${url}/files/none`)).status).toBe(404);
    expect((await fetch(`${url}/files/none/link?seconds=soon`, { method: "POST" })).status).toBe(400);
    const tooLong = await fetch(`${url}/files/none/link?seconds=604800`, { method: "POST" });
    expect(tooLong.status).toBe(422);
    expect(await tooLong.text()).toMatch(/^at most \d+ seconds now\n$/);
  });

  it("gives links that are signed for as long as asked", async () => {
    const { url } = await listening(await simulated());

    const link = await fetch(`${url}/files/report.csv/link?seconds=600`, { method: "POST" });

    expect(link.status).toBe(201);
    const signed = new URL(((await link.json()) as { url: string }).url);
    expect(signed.pathname).toBe("/files/report.csv");
    expect(signed.searchParams.get("X-Amz-Expires")).toBe("600");
    expect(signed.searchParams.get("X-Amz-Signature")).toMatch(/^[0-9a-f]{64}$/);
  });

  it("ends by itself when it is told to", async () => {
    const { program, url } = await listening(await simulated());
    await fetch(`${url}/files/report.csv`, { method: "PUT", body: "content", headers: { connection: "close" } });

    program.child.kill("SIGTERM");

    expect(await program.ended()).toBe(0);
  });
});

describe("worker threads", () => {
  it("share one Keeper: three requests to IMDS at the start, one for all when credentials are revoked", async () => {
    const simulator = await simulated();
    const program = run("worker-threads/main", simulator);
    await program.until(/west 2/);
    const before = simulator.journal.count("imds", "default").requests;

    simulator.fault("credentials-revoked");

    expect(await program.ended()).toBe(0);
    expect(before).toBe(3);
    expect(simulator.journal.count("imds", "default").requests).toBe(4);
    expect(countOf(program.printed(), /0 failed/g)).toBe(4);
    expect(program.printed()).toContain("all regions written");
  });
});

describe("a graceful shutdown", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("finishes what was begun, and ends by itself (%s)", async (signal) => {
    const program = run("graceful-shutdown", await simulated());
    await program.until(/working/);

    program.child.kill(signal);

    expect(await program.ended()).toBe(0);
    const [, begun, done] = /stopped: (\d+) begun, (\d+) done/.exec(program.printed()) ?? [];
    expect(Number(begun)).toBeGreaterThan(0);
    expect(done).toBe(begun);
  });
});

describe("the simulator in tests of one's own", () => {
  it("is a line in node:test", async () => {
    const file = join(import.meta.dirname, "../dist/simulator-in-tests/daily-report.node-test.js");
    // The runner of these tests must not make the other one believe that it is a child of its own.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, ["--no-warnings", "--test", file], { env, timeout: 20_000 });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));

    const [code] = await once(child, "close");

    expect(printed).toMatch(/pass 2\n/);
    expect(code).toBe(0);
  });
});
