/** S3 with a data folder in a process of its own, for tests that kill it. Argument: the folder. Prints its addresses. */

import { startSimulator } from "@evertoken/simulator";

const simulator = await startSimulator({ dataDir: process.argv[2], seed: 7 });
process.stdout.write(`${JSON.stringify({ s3Url: simulator.s3Url, imdsUrl: simulator.imdsUrl })}\n`);
