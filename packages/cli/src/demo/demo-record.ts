/** What the demo's page shows: both lanes side by side, from what each tells of itself and what the simulator knows of it. */

import { hostname } from "node:os";
import type { VirtualClock } from "@evertoken/core";
import type { Simulator } from "@evertoken/simulator";
import {
  joinedLane,
  type LaneReport,
  type LiveFeed,
  LiveRecord,
  RemoteLane,
  SimulatedLane,
} from "@evertoken/telemetry/live";
import { liveFaults, tellOfFaults } from "../live-faults.js";
import type { LaneName } from "./lane-protocol.js";

export class DemoRecord {
  readonly #clock: VirtualClock;
  readonly #live: LiveRecord;
  readonly #lanes: Readonly<Record<LaneName, RemoteLane>> = {
    evertoken: new RemoteLane("evertoken"),
    stock: new RemoteLane("stock"),
  };
  /** The stock SDK tells nothing of its credentials; the simulator knows them. */
  readonly #seen: SimulatedLane;

  /** @param tickMs real milliseconds between two ticks: the pace at which the lanes report. */
  constructor(simulator: Simulator, clock: VirtualClock, tickMs: number) {
    this.#clock = clock;
    this.#seen = new SimulatedLane(simulator, { name: "stock", client: "stock", surfaces: true });
    this.#live = new LiveRecord({
      subject: "demo",
      host: hostname(),
      clock,
      tickMs,
      faults: () => liveFaults(simulator),
    });
    tellOfFaults(simulator, this.#live);
    this.#live.start(() => this.#take());
  }

  get live(): LiveFeed {
    return this.#live;
  }

  receive(lane: LaneName, report: LaneReport): void {
    this.#lanes[lane].receive(report);
  }

  /** The day is over; what is done after it is no part of it. */
  endDay(): void {
    this.#live.tick(this.#take());
    const text = "The day is over: everything that was written is read back and compared.";
    this.#live.tell({ at: this.#clock.now(), kind: "state", severity: "note", text });
    this.#live.end();
    this.#seen.close();
  }

  close(): void {
    this.#live.close();
    this.#seen.close();
  }

  #take(): LaneReport[] {
    const now = this.#clock.now();
    return [
      this.#withIssues(this.#lanes.evertoken.take(now)),
      joinedLane(this.#lanes.stock.take(now), this.#seen.take()),
    ];
  }

  /** A Keeper knows when it took its credentials, not when they were issued. */
  #withIssues({ lane, ...report }: LaneReport): LaneReport {
    const keepers = lane.keepers.map((keeper) => ({
      ...keeper,
      generations: keeper.generations.map((generation) => {
        const issuedAt = this.#seen.issuedAt(generation.accessKeyId);
        return issuedAt === undefined ? generation : { ...generation, issuedAt };
      }),
    }));
    return { ...report, lane: { ...lane, keepers } };
  }
}
