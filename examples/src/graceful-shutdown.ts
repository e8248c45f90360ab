// A worker that is told to stop (SIGTERM from Kubernetes, systemd, an instance that is scaled in) and loses nothing: it
// takes no more work, lets what is under way finish, and ends by itself. No `process.exit`, which would cut it all off.

import { setTimeout as pause } from "node:timers/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createS3Pool } from "@evertoken/s3";

const pool = createS3Pool({ forcePathStyle: true });
const stopping = new AbortController();
process.once("SIGTERM", () => stopping.abort());
process.once("SIGINT", () => stopping.abort());

let begun = 0;
let done = 0;

/** Takes jobs until it is told to stop; the one it has is finished. */
async function work(): Promise<void> {
  while (!stopping.signal.aborted) {
    begun += 1;
    await pool.send(new PutObjectCommand({ Bucket: "jobs", Key: String(begun), Body: "done" }));
    done += 1;
    if (done === 1) console.log("working");
    await pause(5);
  }
}

await Promise.all(Array.from({ length: 8 }, work));
// Well below the 30 seconds that Kubernetes waits before it kills. Nothing is under way any more here; in a program whose
// requests have other owners this is what waits for them, and refuses new ones.
await pool.close({ drainMs: 20_000 });
console.log(`stopped: ${begun} begun, ${done} done`);
