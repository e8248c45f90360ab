/** Runs a bench of one candidate for as long as it lives, and says when it measures. */

import { parseCases, runBench } from "@evertoken/bench";

const settings = { cases: parseCases(["put-4KiB"]), rounds: 1000, measureMs: 100, warmUpMs: 0 };
const onProgress = ({ kind }) => kind === "measured" && console.log(kind);
await runBench(settings, process.argv.slice(2), { onProgress });
