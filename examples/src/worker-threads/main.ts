// Four threads that compress reports and write them to S3, on one Keeper.

import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { createKeeper } from "@evertoken/credentials";
import { shareKeeper } from "./shared-keeper.js";

const keeper = createKeeper();

async function run(name: string): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  shareKeeper(keeper, port1);
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: { name, port: port2 },
    transferList: [port2],
  });
  const [code] = await once(worker, "exit");
  if (code !== 0) process.exitCode = 1;
}

await Promise.all(["north", "east", "south", "west"].map(run));
keeper.close();
console.log("all regions written");
