/** The same in vitest. `docs/simulator.md` says what jest needs beside. */

import { startSimulator } from "@evertoken/simulator";
import { afterAll, expect, it, vi } from "vitest";

const simulator = await startSimulator();
for (const [name, value] of Object.entries(simulator.environment({ via: "eks" }))) vi.stubEnv(name, value);
afterAll(() => simulator.close());

it("a report is written with the credentials of the pod", async () => {
  const { writeReport } = await import("../src/simulator-in-tests/daily-report.js");

  expect(await writeReport("monday")).toBe(true);
});
