/**
 * The simulator in a process of its own. As a target it keeps what is written and verifies every signature; as the world of
 * the rotation case it also runs fast and does to the credentials what that case is about, from the moment it is told.
 */

import { VirtualClock } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import {
  LIFETIME_MS,
  REVOKED_AT_MINUTES,
  ROTATION_MS,
  SLOW_IMDS_DELAY_MS,
  SLOW_IMDS_MINUTES,
  SPEED,
} from "../run/rotation.js";
import type { FromSimulator, ToSimulator } from "./simulator-protocol.js";

const MINUTE_MS = 60_000;

const clock = new VirtualClock({ speed: 1 });
const rotating = process.env.EVERTOKEN_BENCH_ROTATION === "yes";
const simulator = await startSimulator({
  clock,
  ...(rotating && { credentialLifetimeMs: LIFETIME_MS, rotationIntervalMs: ROTATION_MS }),
});

function say(message: FromSimulator): void {
  process.send?.(message);
}

function begin(): void {
  clock.setSpeed(SPEED);
  clock.setTimer(REVOKED_AT_MINUTES * MINUTE_MS, () => simulator.fault("credentials-revoked"));
  clock.setTimer(SLOW_IMDS_MINUTES.from * MINUTE_MS, () => {
    const slow = simulator.fault("imds-slow", { delayMs: SLOW_IMDS_DELAY_MS });
    clock.setTimer((SLOW_IMDS_MINUTES.to - SLOW_IMDS_MINUTES.from) * MINUTE_MS, () => slow.end());
  });
}

process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", ({ ask }: ToSimulator) => {
  if (ask === "begin") {
    begin();
    say({ say: "begun", clock: clock.reading() });
  } else {
    say({ say: "counted", imdsRequests: simulator.journal.count("imds", "default").requests });
  }
});
say({
  say: "ready",
  s3Url: simulator.s3Url,
  clock: clock.reading(),
  environment: simulator.environment({ via: rotating ? "imds" : "user" }),
});
