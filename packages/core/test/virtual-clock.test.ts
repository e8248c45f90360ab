import { spawnSync } from "node:child_process";
import { VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";

const NOON = Date.UTC(2026, 10, 23, 12);

describe("a virtual clock moved by hand", () => {
  it("stands still until it is advanced", async () => {
    const clock = new VirtualClock({ startAt: NOON });

    expect(clock.now()).toBe(NOON);
    await clock.advance(90_000);

    expect(clock.now()).toBe(NOON + 90_000);
    expect(clock.monotonic()).toBe(90_000);
  });

  it("fires timers in the order of their instants, each at its own", async () => {
    const clock = new VirtualClock({ startAt: NOON });
    const fired: [string, number][] = [];
    clock.setTimer(3000, () => fired.push(["late", clock.now() - NOON]));
    clock.setTimer(1000, () => fired.push(["early", clock.now() - NOON]));

    await clock.advance(5000);

    expect(fired).toEqual([
      ["early", 1000],
      ["late", 3000],
    ]);
  });

  it("fires what is set while it advances, when that falls due in the same stretch", async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = () => {
      ticks += 1;
      clock.setTimer(1000, tick);
    };
    clock.setTimer(1000, tick);

    await clock.advance(10_000);

    expect(ticks).toBe(10);
  });

  it("lets promises settle between two timers, so that a sleeper's next sleep starts at its own instant", async () => {
    const clock = new VirtualClock({ startAt: NOON });
    const wokenAt: number[] = [];
    const sleeper = (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await clock.sleep(1000);
        wokenAt.push(clock.now() - NOON);
      }
    })();

    await clock.advance(10_000);
    await sleeper;

    expect(wokenAt).toEqual([1000, 2000, 3000]);
  });

  it("does not fire a cancelled timer", async () => {
    const clock = new VirtualClock();
    let fired = false;
    const timer = clock.setTimer(1000, () => {
      fired = true;
    });

    timer.cancel();
    await clock.advance(5000);

    expect(fired).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("ends a sleep with the signal's reason, and forgets it", async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const asleep = clock.sleep(1000, abort.signal);

    abort.abort(new Error("enough"));

    await expect(asleep).rejects.toThrow("enough");
    expect(clock.pending).toBe(0);
  });

  it("refuses to sleep under a signal that has aborted", async () => {
    const clock = new VirtualClock();

    await expect(clock.sleep(1000, AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
    expect(clock.pending).toBe(0);
  });

  it("steps the wall clock without letting time pass: timers and the monotonic clock do not notice", async () => {
    const clock = new VirtualClock({ startAt: NOON });
    let fired = false;
    clock.setTimer(1000, () => {
      fired = true;
    });

    clock.step(-7_200_000);
    await clock.advance(999);

    expect(clock.now()).toBe(NOON - 7_200_000 + 999);
    expect(clock.monotonic()).toBe(999);
    expect(fired).toBe(false);
  });
});

describe("a virtual clock that runs", () => {
  it("passes virtual time at its speed, and pauses with it", async () => {
    const clock = new VirtualClock({ startAt: NOON, speed: 3600 });
    const startedAt = performance.now();

    await clock.sleep(180_000);

    // Three minutes at 3600 are 50 ms. Machines stall, so only what cannot be wrong is asserted.
    expect(clock.now()).toBeGreaterThanOrEqual(NOON + 180_000);
    expect(performance.now() - startedAt).toBeGreaterThan(45);
  });

  it("leaves the network's pace real also by hand, when it is told so", () => {
    const clock = new VirtualClock({ realNetwork: true });
    const before = performance.now();

    expect(clock.network.monotonic()).toBeGreaterThanOrEqual(before);
    expect(clock.monotonic()).toBe(0);
  });

  it("leaves the network's pace real", () => {
    const clock = new VirtualClock({ speed: 3600 });
    const before = performance.now();

    const network = clock.network.monotonic();

    expect(network).toBeGreaterThanOrEqual(before);
    expect(network).toBeLessThanOrEqual(performance.now());
  });

  it("goes on from the same instant when its speed changes", () => {
    const clock = new VirtualClock({ startAt: NOON });

    clock.setSpeed(1000);
    clock.setSpeed(0);
    const stoppedAt = clock.now();

    expect(stoppedAt).toBeGreaterThanOrEqual(NOON);
    expect(clock.now()).toBe(stoppedAt);
  });

  it("wakes sleepers that were waiting before it began to run", async () => {
    const clock = new VirtualClock();
    const asleep = clock.sleep(1000);

    clock.setSpeed(1000);

    await asleep;
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the speed %s", (speed) => {
    expect(() => new VirtualClock({ speed })).toThrow(RangeError);
  });
});

describe("a virtual clock shared between processes", () => {
  it("shows another process the same time from its reading", () => {
    const clock = new VirtualClock({ startAt: NOON, speed: 1000 });
    const script = `
      import { VirtualClock } from "@evertoken/core";
      const clock = VirtualClock.following(JSON.parse(process.argv[1]));
      console.log(clock.now());
    `;

    const before = clock.now();
    const args = ["--input-type=module", "-e", script, JSON.stringify(clock.reading())];
    const child = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" });
    const after = clock.now();

    expect(child.stderr).toBe("");
    const seen = Number(child.stdout);
    expect(seen).toBeGreaterThan(before);
    expect(seen).toBeLessThan(after);
  });

  it("tells each new reading, by which a follower changes along", () => {
    const clock = new VirtualClock({ startAt: NOON });
    const follower = VirtualClock.following(clock.reading());
    clock.on("changed", (reading) => follower.follow(JSON.parse(JSON.stringify(reading))));

    clock.step(60_000);

    expect(follower.now()).toBe(NOON + 60_000);
    expect(follower.speed).toBe(0);
  });
});

describe("timers of the library", () => {
  it.each(["systemClock", "new VirtualClock({ speed: 1 })"])("do not keep a process alive (%s)", (clock) => {
    const script = `
      import { systemClock, VirtualClock } from "@evertoken/core";
      (${clock}).setTimer(600_000, () => {});
      console.log("done");
    `;

    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      timeout: 10_000,
    });

    expect(child.stdout).toBe("done\n");
    expect(child.signal).toBeNull();
  });
});
