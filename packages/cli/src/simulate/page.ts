/** The page of `evertoken simulate`: the simulated instance, as its clients see it. */

import { hostname } from "node:os";
import type { LocalPage } from "@evertoken/core";
import { createDashboard } from "@evertoken/dashboard";
import type { Simulator } from "@evertoken/simulator";
import { LiveRecord, SimulatedLane } from "@evertoken/telemetry/live";
import { liveFaults, tellOfFaults } from "../live-faults.js";

export function simulatorPage(simulator: Simulator): LocalPage {
  const lane = new SimulatedLane(simulator, { name: "simulator" });
  const live = new LiveRecord({
    subject: "simulate",
    host: hostname(),
    clock: simulator.clock,
    faults: () => liveFaults(simulator),
  });
  tellOfFaults(simulator, live);
  live.start(() => [lane.take()]);
  const page = createDashboard({ live });
  return {
    owns: (request) => page.owns(request),
    handle: (request, response) => page.handle(request, response),
    close() {
      page.close();
      live.close();
      lane.close();
    },
  };
}
