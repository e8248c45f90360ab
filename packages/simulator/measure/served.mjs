// What is measured, in a process of its own: this simulator, or s3rver from the folder that is named.
//   node served.mjs simulator [data folder]
//   node served.mjs s3rver MODULES_FOLDER OBJECTS_FOLDER
import { createRequire } from "node:module";

const [what, ...folders] = process.argv.slice(2);
const serve = { simulator, s3rver };
process.send(await serve[what](...folders));
process.on("disconnect", () => process.exit());
process.on("message", (asked) => {
  // Only before memory is looked at: with it V8 forgets what it has compiled for objects that live as long as a request.
  if (asked === "memory") globalThis.gc();
  process.send({
    rssMb: process.memoryUsage.rss() / 1e6,
    heapMb: process.memoryUsage().heapUsed / 1e6,
    cpuMs: cpuMs(),
  });
});

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function simulator(dataDir) {
  const importedAt = performance.now();
  const { startSimulator } = await import("@evertoken/simulator");
  const startedAt = performance.now();
  const { imdsUrl, s3Url } = await startSimulator({ credentialLifetimeMs: 12 * 3_600_000, dataDir });
  return { imdsUrl, s3Url, importMs: startedAt - importedAt, startMs: performance.now() - startedAt };
}

async function s3rver(modules, directory) {
  const S3rver = createRequire(`${modules}/`)("s3rver");
  const server = new S3rver({ port: 0, silent: true, directory, configureBuckets: [{ name: "measured" }] });
  const { port } = await server.run();
  return { s3Url: `http://127.0.0.1:${port}` };
}
