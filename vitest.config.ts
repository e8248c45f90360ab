import { defineConfig } from "vitest/config";

/** Tests import packages by their names, as users do, so they run against what is built: `npm run build` first. */
export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    // Child processes: tests replace the global Date, set environment variables and count what keeps a process alive.
    pool: "forks",
    // The SDK announces the end of its support for Node.js 20 in each process.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
    testTimeout: 20_000,
    hookTimeout: 20_000,
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    reporters: ["default", "./tools/closing-line.ts"],
  },
});
