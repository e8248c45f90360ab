/** `node --test`: one line starts the simulator, one puts it into the environment, and what AWS would do is yours to say. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startSimulator } from "@evertoken/simulator";

const simulator = await startSimulator();
Object.assign(process.env, simulator.environment());
after(() => simulator.close());

// After the environment is set: the SDK looks at it once.
const { writeReport } = await import("./daily-report.js");

test("a report is written with the credentials of the instance", async () => {
  assert.equal(await writeReport("monday"), true);
});

test("and is refused when they were revoked, as the stock SDK does not ask for others", async () => {
  simulator.fault("credentials-revoked");

  assert.equal(await writeReport("tuesday"), false);
});
