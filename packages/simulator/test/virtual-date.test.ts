import { VirtualClock } from "@evertoken/core";
import { followClock } from "@evertoken/simulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const NOON = Date.UTC(2030, 5, 1, 12);

describe("a Date that follows a clock", () => {
  const RealDate = Date;
  const clock = new VirtualClock({ startAt: NOON });
  let restore = () => {};
  beforeEach(() => {
    restore = followClock(clock);
  });
  afterEach(() => restore());

  it("shows the clock's present, in all three ways to ask", () => {
    expect(Date.now()).toBe(NOON);
    expect(new Date().toISOString()).toBe(new RealDate(NOON).toISOString());
    expect(Date()).toBe(new RealDate(NOON).toString());
  });

  it("moves with the clock", async () => {
    await clock.advance(3_600_000);

    expect(Date.now()).toBe(clock.now());
    expect(Date.now()).toBeGreaterThan(NOON);
  });

  it("makes the same dates as before from arguments", () => {
    expect(new Date(0).toISOString()).toBe("1970-01-01T00:00:00.000Z");
    expect(new Date("2026-11-23T12:00:00Z").getTime()).toBe(RealDate.UTC(2026, 10, 23, 12));
    expect(new Date(2026, 10, 23).getMonth()).toBe(10);
    expect(Date.parse("2026-11-23")).toBe(RealDate.parse("2026-11-23"));
    expect(Date.UTC(2026, 0)).toBe(RealDate.UTC(2026, 0));
  });

  it("is the same class to whoever asks", () => {
    expect(new Date()).toBeInstanceOf(RealDate);
    expect(new RealDate()).toBeInstanceOf(Date);
    expect(Object.prototype.toString.call(new Date())).toBe("[object Date]");
    expect(new Date().constructor).toBe(Date);
    expect(new RealDate().constructor).toBe(Date);
  });

  it("can be subclassed", () => {
    class Deadline extends Date {
      left(): number {
        return this.getTime() - Date.now();
      }
    }

    expect(new Deadline()).toBeInstanceOf(Deadline);
    expect(new Deadline().left()).toBe(0);
  });

  it("gives whole milliseconds, as Date does", () => {
    clock.step(0.7);

    expect(Number.isInteger(Date.now())).toBe(true);
  });

  it("goes back to the real one", () => {
    restore();

    expect(Date).toBe(RealDate);
    expect(new Date().constructor).toBe(RealDate);
  });

  it("goes back only once: a later one's clock is not taken away", () => {
    restore();
    const restoreLater = followClock(new VirtualClock({ startAt: 0 }));
    restore();

    expect(Date.now()).toBe(0);
    restoreLater();
    expect(Date).toBe(RealDate);
  });
});
