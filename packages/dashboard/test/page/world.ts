/**
 * A process as the page would be told of it: a host whose IMDS goes down for a while and whose credentials are revoked
 * once, as pure arithmetic over time. For what a real process cannot give within seconds: a week, and pictures that do not
 * change from run to run.
 */

import type {
  Hello,
  LiveFault,
  LiveGeneration,
  LiveKeeper,
  LiveLane,
  LiveMember,
  Sample,
  Tick,
  Told,
  Totals,
} from "@evertoken/telemetry/live";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Wed 25 Nov 2026 06:00 UTC. */
const START = Date.UTC(2026, 10, 25, 6);

const LIFETIME = 6 * HOUR;
const ROTATION = HOUR;
const SOURCE = "IMDS at http://169.254.169.254";

/** Each day, counted from its beginning. */
const DOWN = { from: 7 * HOUR, to: 11 * HOUR };
const REVOKED_AT = 14.25 * HOUR;
const DAY = 24 * HOUR;

export interface WorldOptions {
  readonly subject: Hello["subject"];
  readonly run?: string;
  readonly host?: string;
  readonly tickMs?: number;
  /** Of the process's clock, for each tick. */
  readonly stepMs?: number;
  readonly clients?: number;
  /** Names of further pools in each lane, beside `s3`. */
  readonly pools?: readonly string[];
}

const none: Totals = {
  requests: 0,
  failures: 0,
  replays: 0,
  surfaced: 0,
  refreshes: 0,
  refreshFailures: 0,
  rotations: 0,
  rejections: 0,
  ejections: 0,
  imdsAnswers: {},
};

class Lane {
  readonly name: string;
  readonly generations: LiveGeneration[] = [];
  readonly members: LiveMember[];
  totals: Totals = none;
  lastRefresh: LiveKeeper["lastRefresh"];

  constructor(name: string, clients: number) {
    this.name = name;
    this.members = Array.from({ length: clients }, (_, id) => ({
      id,
      state: "serving",
      createdAt: START - id * 97_000,
      inFlight: 0,
    }));
  }

  get held(): LiveGeneration | undefined {
    return this.generations.at(-1);
  }
}

/** Repeats itself, like everything here. */
function noise(seed: number): number {
  const x = Math.sin(seed * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
}

export class World {
  readonly #options: WorldOptions;
  readonly #lanes: readonly Lane[];
  readonly #samples: Sample[][];
  readonly #told: Told[] = [];
  #now = START;
  #ticks = 0;
  #untold = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const names = options.subject === "demo" ? ["evertoken", "stock"] : ["default"];
    this.#lanes = names.map((name) => new Lane(name, options.clients ?? 100));
    this.#samples = names.map(() => []);
    for (const lane of this.#lanes) if (lane.name !== "stock") this.#take(lane);
  }

  get now(): number {
    return this.#now;
  }

  hello(): Hello {
    const { subject, run = "run-1", host = "i-0f3a9c21b7d4e8a65", tickMs = 250 } = this.#options;
    const { state } = this.#seen();
    const samples = this.#samples.map((all) => all.slice(-600));
    return { run, subject, host, version: "0.1.0", tickMs, state, samples, told: this.#told.slice(-200) };
  }

  /** Lets one tick pass. @returns what is told of it. */
  tick(): { readonly tick: Tick; readonly told: readonly Told[] } {
    const { stepMs = 1000 } = this.#options;
    const before = this.#now;
    this.#now += stepMs;
    this.#ticks += 1;
    this.#tellFaults(before);
    const samples = this.#lanes.map((lane, index) => {
      const sample = lane.name === "stock" ? this.#stock(lane, before) : this.#kept(lane, before);
      this.#samples[index]?.push(sample);
      if ((this.#samples[index]?.length ?? 0) > 5000) this.#samples[index]?.splice(0, 1000);
      return sample;
    });
    const told = this.#told.slice(this.#untold);
    this.#told.splice(0, Math.max(0, this.#told.length - 400));
    this.#untold = this.#told.length;
    return { tick: { state: this.#seen().state, samples }, told };
  }

  /** Lets time pass without anybody listening. */
  pass(ms: number): this {
    const until = this.#now + ms;
    while (this.#now < until) this.tick();
    return this;
  }

  #dayTime(at = this.#now): number {
    return (at - START) % DAY;
  }

  #isDown(at = this.#now): boolean {
    const time = this.#dayTime(at);
    return time >= DOWN.from && time < DOWN.to;
  }

  #passed(moment: number, before: number): boolean {
    return this.#dayTime(before) < moment && this.#dayTime() >= moment;
  }

  #seen(): Pick<Tick, "state"> {
    const isSimulated = this.#options.subject === "simulate" || this.#options.subject === "demo";
    const speed = isSimulated ? (this.#options.stepMs ?? 1000) / (this.#options.tickMs ?? 250) : 1;
    return {
      state: {
        now: this.#now,
        speed,
        faults: isSimulated ? this.#faults() : [],
        lanes: this.#lanes.map((lane) => this.#lane(lane)),
      },
    };
  }

  #faults(): LiveFault[] {
    if (!this.#isDown()) return [];
    const since = this.#now - this.#dayTime() + DOWN.from;
    return [
      { name: "imds-down", description: "IMDS does not answer at all", since, until: since + DOWN.to - DOWN.from },
    ];
  }

  #lane(lane: Lane): LiveLane {
    const { name, totals, held, generations, lastRefresh } = lane;
    if (name === "stock") return { name, keepers: [], pools: [], totals };
    const left = Math.max(0, (held?.expiresAt ?? 0) - this.#now);
    const keeper: LiveKeeper = {
      name: "default",
      state: left > HOUR ? "fresh" : left > MINUTE ? "advisory" : left > 0 ? "mandatory" : "expired",
      source: SOURCE,
      role: "payments-writer",
      skewMs: 120,
      ...(lastRefresh === undefined ? {} : { lastRefresh }),
      generations: generations.slice(-36),
    };
    const names = this.#options.subject === "agent" ? [] : ["s3", ...(this.#options.pools ?? [])];
    return {
      name,
      survivalMs: left,
      keepers: [keeper],
      pools: names.map((name) => ({ name, queued: 0, members: lane.members })),
      imds: { sessionTokenExpiresAt: this.#now + 5.2 * HOUR },
      totals,
    };
  }

  #take(lane: Lane): void {
    const number = (lane.held?.generation ?? 0) + 1;
    lane.generations.push({
      generation: number,
      accessKeyId: `ASIAEVERTOKEN${String(1000 + number).padStart(7, "X")}`,
      issuedAt: this.#now - 2 * MINUTE,
      takenAt: this.#now,
      advisoryAt: this.#now + LIFETIME - HOUR,
      expiresAt: this.#now + LIFETIME,
    });
    lane.generations.splice(0, Math.max(0, lane.generations.length - 40));
  }

  #kept(lane: Lane, before: number): Sample {
    const step = this.#now - before;
    const isDown = this.#isDown();
    const refreshes = Math.floor(this.#now / (5 * MINUTE)) - Math.floor(before / (5 * MINUTE));
    const rotates = !isDown && this.#now - (lane.held?.takenAt ?? 0) >= ROTATION;
    const rejected = this.#passed(REVOKED_AT, before);
    if (rejected && lane.held !== undefined) {
      lane.generations[lane.generations.length - 1] = { ...lane.held, rejectedAt: this.#now };
      this.#tell(lane, "rejected", "warning", `S3 refused ${lane.held.accessKeyId} as expired, 5 h before its end.`);
      this.#tell(
        lane,
        "replayed",
        "note",
        "12 requests were sent once more with other credentials.",
        this.#storyOf(lane, true),
      );
    }
    if (rotates || rejected) {
      this.#take(lane);
      this.#tell(lane, "rotated", "good", `Generation ${lane.held?.generation} taken; it lasts 6 h.`);
    }
    if (refreshes > 0) {
      const failed = { at: this.#now, outcome: "failed", error: "IMDS did not answer (3 attempts of 1 s)" };
      lane.lastRefresh = isDown ? failed : { at: this.#now, outcome: rotates ? "rotated" : "unchanged" };
      if (isDown && this.#ticks % 4 === 0) {
        const left = Math.round(((lane.held?.expiresAt ?? 0) - this.#now) / MINUTE);
        const text = `IMDS has not answered; requests go on with credentials that last ${Math.floor(left / 60)} h ${left % 60} min.`;
        this.#tell(lane, "refresh-failed", "warning", text);
      }
    }
    const requests = Math.round((step / 1000) * (40 + 12 * noise(this.#ticks)));
    const answers: Record<string, number> = isDown
      ? { "no answer": 3 * refreshes }
      : { "200": 2 * refreshes, "401": this.#ticks % 90 === 0 ? 1 : 0 };
    this.#busy(lane);
    return this.#count(
      lane,
      {
        at: this.#now,
        survivalMs: Math.max(0, (lane.held?.expiresAt ?? 0) - this.#now),
        requests,
        failures: 0,
        replays: rejected ? 12 : 0,
        surfaced: 0,
        refreshes,
        refreshFailures: isDown ? refreshes : 0,
        imdsAnswers: answers,
        requestP50Ms: 3 + noise(this.#ticks),
        requestP99Ms: 9 + 6 * noise(this.#ticks + 7),
        ...(refreshes > 0 ? { refreshMs: isDown ? 3000 : 4 + 3 * noise(this.#ticks + 3) } : {}),
      },
      rotates || rejected ? 1 : 0,
      rejected ? 1 : 0,
    );
  }

  /** A hundred clients that each ask by themselves, and go on with what is stale. */
  #stock(lane: Lane, before: number): Sample {
    const step = this.#now - before;
    const time = this.#dayTime();
    const isFailing =
      (time > DOWN.from + 2 * HOUR && time < DOWN.to + HOUR) || (time > REVOKED_AT && time < REVOKED_AT + 3 * HOUR);
    const requests = Math.round((step / 1000) * (40 + 12 * noise(this.#ticks)));
    const failures = isFailing ? Math.round(requests * 0.7) : 0;
    const surfaced = Math.round(failures * 0.8);
    if (surfaced > 0 && this.#ticks % 8 === 0) {
      this.#tell(
        lane,
        "surfaced",
        "error",
        `ExpiredToken: "The provided token has expired." reached ${surfaced} callers.`,
        this.#storyOf(lane, false),
      );
    }
    const asked = Math.round((step / HOUR) * 300);
    this.#busy(lane);
    return this.#count(
      lane,
      {
        at: this.#now,
        requests,
        failures,
        replays: 0,
        surfaced,
        refreshes: 0,
        refreshFailures: 0,
        imdsAnswers: this.#isDown() ? { "no answer": asked } : { "200": asked },
        requestP50Ms: 14 + 3 * noise(this.#ticks),
        requestP99Ms: 30 + 14 * noise(this.#ticks + 5),
      },
      0,
      0,
    );
  }

  #count(lane: Lane, sample: Sample, rotations: number, rejections: number): Sample {
    const { totals } = lane;
    const imdsAnswers = { ...totals.imdsAnswers };
    for (const [answer, times] of Object.entries(sample.imdsAnswers))
      imdsAnswers[answer] = (imdsAnswers[answer] ?? 0) + times;
    lane.totals = {
      requests: totals.requests + sample.requests,
      failures: totals.failures + sample.failures,
      replays: totals.replays + sample.replays,
      surfaced: totals.surfaced + sample.surfaced,
      refreshes: totals.refreshes + sample.refreshes,
      refreshFailures: totals.refreshFailures + sample.refreshFailures,
      rotations: totals.rotations + rotations,
      rejections: totals.rejections + rejections,
      ejections: totals.ejections + (this.#ticks % 400 === 0 ? 1 : 0),
      imdsAnswers,
    };
    return sample;
  }

  #busy(lane: Lane): void {
    for (const [index, member] of lane.members.entries()) {
      const isEjected = (index * 7 + Math.floor(this.#ticks / 40)) % 61 === 0;
      const state = isEjected ? "ejected" : index === 93 ? "draining" : "serving";
      const inFlight = isEjected ? 0 : Math.floor(5 * noise(index + this.#ticks * 0.37) ** 2);
      lane.members[index] = {
        id: member.id,
        state,
        createdAt: member.createdAt,
        inFlight,
        ...(isEjected ? { ejectedUntil: this.#now + 30_000 } : {}),
      };
    }
  }

  #tellFaults(before: number): void {
    if (this.#options.subject === "agent") return;
    if (this.#passed(DOWN.from, before))
      this.#tell(undefined, "fault-started", "note", "imds-down: IMDS does not answer at all.");
    if (this.#passed(DOWN.to, before)) {
      this.#tell(undefined, "fault-ended", "note", "imds-down is over; it lasted 4 h.");
      for (const lane of this.#lanes)
        if (lane.name !== "stock") this.#tell(lane, "refresh-recovered", "good", "IMDS answers again, after 4 h.");
    }
  }

  #storyOf(lane: Lane, wasReplayed: boolean): readonly string[] {
    const key = lane.held?.accessKeyId ?? "ASIASTOCKXXXXXX1042";
    return [
      `06:58 IMDS issued ${key}, good until 12:58.`,
      "07:00 The client took it, and planned to ask again at 12:53.",
      "13:00 IMDS stopped to answer; the client noticed nothing, because it did not ask.",
      "14:15 The credentials were revoked.",
      wasReplayed
        ? "14:15 S3 answered ExpiredToken; the request went again with the next generation."
        : "14:15 S3 answered ExpiredToken, and the caller got it.",
    ];
  }

  #tell(
    lane: Lane | undefined,
    kind: Told["kind"],
    severity: Told["severity"],
    text: string,
    story?: readonly string[],
  ): void {
    const id = (this.#told.at(-1)?.id ?? 0) + 1;
    this.#told.push({
      id,
      at: this.#now,
      kind,
      severity,
      text,
      ...(lane === undefined ? {} : { lane: lane.name }),
      ...(story === undefined ? {} : { story }),
    });
  }
}
