// Runs take-screenshots.ts, which shares the tests' world: `npm run screenshots -- [NAME…]`.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { module } = await runnerImport(here("./take-screenshots.ts"));
await module.takeScreenshots(process.env.SCREENSHOTS ?? here("../../../docs/screenshots"), process.argv.slice(2));
