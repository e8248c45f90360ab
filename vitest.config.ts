import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Tests import packages by their names, as users do, so they run against what is built: `npm run build` first. */
export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
    // Child processes: tests replace the global Date, set environment variables and count what keeps a process alive.
    pool: "forks",
    // Most of a test's time is waiting for sockets and processes, so two files at a time suit even a machine of two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    setupFiles: ["./tools/seed.ts"],
    env: {
      // The SDK announces the end of its support for Node.js 20 in each process.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      // Whoever runs the tests may have credentials of their own: none of these is ever used.
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_PROFILE: "",
      AWS_CONFIG_FILE: "/dev/null/none",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null/none",
      AWS_WEB_IDENTITY_TOKEN_FILE: "",
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "",
    },
    testTimeout: 20_000,
    hookTimeout: 20_000,
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    reporters: ["default", "./tools/closing-line.ts"],
  },
});
