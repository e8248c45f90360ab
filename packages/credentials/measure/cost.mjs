// What fresh credentials cost: a call of the provider over an already resolved promise, and the import of the package over
// that of an empty module by bare Node, beside the AWS SDK's. Medians of interleaved rounds; run nothing else meanwhile.
//
//     npm run measure:credentials

import { spawnSync } from "node:child_process";
import { createKeeper } from "@evertoken/credentials";

const ROUNDS = 9;
const CALLS = 1_000_000;

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function nanosecondsPerCall(call) {
  const startedAt = process.hrtime.bigint();
  for (let made = 0; made < CALLS; made++) await call();
  return Number(process.hrtime.bigint() - startedAt) / CALLS;
}

/** Bytes that a call allocates, the promise machinery of `await` left out. */
function bytesPerCall(call) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let made = 0; made < 100_000; made++) call();
  return Math.max(0, process.memoryUsage().heapUsed - before) / 100_000;
}

const keeper = createKeeper({
  source: {
    name: "a constant",
    watchable: false,
    load: async () => ({
      credentials: { accessKeyId: "A", secretAccessKey: "s", expiration: new Date(Date.now() + 6e7) },
    }),
  },
});
const resolved = keeper.provider();
await resolved;
const calls = { "an already resolved promise": () => resolved, "keeper.provider()": () => keeper.provider() };
const times = Object.fromEntries(Object.keys(calls).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(calls)) times[name].push(await nanosecondsPerCall(call));
}
console.log("| awaiting | ns a call | bytes a call |");
console.log("|---|---|---|");
for (const [name, call] of Object.entries(calls)) {
  console.log(`| ${name} | ${median(times[name]).toFixed(0)} | ${bytesPerCall(call).toFixed(1)} |`);
}
keeper.close();

const IMPORT = `const at = performance.now(), rss = process.memoryUsage().rss;
await import(process.argv[1]);
console.log(JSON.stringify([performance.now() - at, (process.memoryUsage().rss - rss) / 1e6]));`;
const EMPTY = new URL("./empty.mjs", import.meta.url).href;
const packages = [EMPTY, "@evertoken/credentials", "@aws-sdk/credential-providers", "@aws-sdk/client-s3"];
const imports = Object.fromEntries(packages.map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const name of packages) {
    const args = ["--no-warnings", "--input-type=module", "-e", IMPORT, name];
    imports[name].push(
      JSON.parse(spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" }).stdout),
    );
  }
}
const figures = (name) => [0, 1].map((index) => median(imports[name].map((pair) => pair[index])));
const bare = figures(EMPTY);
console.log("\n| import | ms over an empty module | MB over an empty module |");
console.log("|---|---|---|");
for (const name of packages.slice(1)) {
  console.log(`| ${[name, ...figures(name).map((figure, index) => (figure - bare[index]).toFixed(1))].join(" | ")} |`);
}
