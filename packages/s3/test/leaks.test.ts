import { spawn } from "node:child_process";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

/** In a process of its own, so that nothing else is counted: how much is there before and after the cycles. */
const CYCLES = `
  import { PutObjectCommand } from "@aws-sdk/client-s3";
  import { createKeeper, fromImds } from "@evertoken/credentials";
  import { createS3Pool } from "@evertoken/s3";
  const [imdsUrl, s3Url, count] = process.argv.slice(1);
  const keeper = createKeeper({ source: fromImds({ endpoint: imdsUrl }) });
  const cycle = async (keeper) => {
    const pool = createS3Pool({ region: "us-east-1", endpoint: s3Url, forcePathStyle: true, keeper, size: 3 });
    const put = () => pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));
    await Promise.all([put(), put(), put()]);
    await pool.close();
  };
  const reading = async () => {
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      gc();
    }
    const resources = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    return { heap: process.memoryUsage().heapUsed, sockets: resources.TCPSocketWrap ?? 0, timers: resources.Timeout ?? 0 };
  };
  for (let warm = 0; warm < 100; warm++) await cycle(keeper);
  const before = await reading();
  for (let index = 0; index < Number(count); index++) await cycle(keeper);
  const after = await reading();
  keeper.close();
  console.log(JSON.stringify({ before, after }));
`;

describe("a pool that is created, used and closed a thousand times", () => {
  it("leaves sockets, timers and heap where they were", { timeout: 120_000 }, async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const args = ["--expose-gc", "--input-type=module", "--eval", CYCLES, simulator.imdsUrl, simulator.s3Url, "1000"];
    const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await new Promise((resolve) => child.on("close", resolve));

    const { before, after } = JSON.parse(printed);

    expect(after.sockets).toBeLessThanOrEqual(before.sockets);
    expect(after.timers).toBeLessThanOrEqual(before.timers);
    // A kilobyte a cycle would be a leak; the rest of the heap breathes by about two megabytes.
    expect(after.heap - before.heap).toBeLessThan(2_000_000);
  });
});
