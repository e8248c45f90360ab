import { describe, expect, it } from "vitest";
import { InstanceRole } from "../src/instance-role.js";
import { Ledger } from "../src/ledger.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 23);

function roleOf({ seed = 1, lifetimeMs = 6 * HOUR, rotationIntervalMs = HOUR } = {}) {
  const ledger = new Ledger(seed);
  const role = new InstanceRole({
    ledger,
    roleName: "evertoken-role",
    startedAt: START,
    lifetimeMs,
    rotationIntervalMs,
    seed,
  });
  return { role, ledger };
}

describe("the rotation of a role's credentials", () => {
  it("begins with the instance, however late the first question comes", () => {
    const { role } = roleOf();

    expect(role.current(START + 30 * MINUTE)).toMatchObject({ generation: 1, issuedAt: START });
  });

  it("is at the same instants whether everybody asks all the time or nobody does", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { role: watched } = roleOf({ seed });
      for (let at = START; at < START + 25 * HOUR; at += MINUTE) {
        const { role: unwatched } = roleOf({ seed });

        expect(unwatched.current(at).issuedAt).toBe(watched.current(at).issuedAt);
      }
    }
  });

  it("gives the same answer to the same question", () => {
    for (let at = START; at < START + 50 * HOUR; at += 7 * MINUTE) {
      const { role } = roleOf();

      expect(role.current(at)).toBe(role.current(at));
    }
  });

  it("is not by the stroke of the hour, but within a few percent of it", () => {
    const { role } = roleOf();
    const issued = new Set<number>();
    for (let at = START; at < START + 48 * HOUR; at += MINUTE) issued.add(role.current(at).issuedAt);

    const instants = [...issued];
    const intervals = instants.slice(1).map((at, index) => at - (instants[index] ?? 0));

    expect(new Set(intervals).size).toBeGreaterThan(40);
    for (const interval of intervals) expect(Math.abs(interval - HOUR)).toBeLessThanOrEqual(0.03 * HOUR);
  });

  it.each([
    [6 * HOUR, 6 * HOUR],
    [10 * MINUTE, 10 * MINUTE],
    [1000, 1000],
  ])("never hands out what has ended, with a lifetime of %i ms and a rotation each %i", (lifetimeMs, interval) => {
    const { role } = roleOf({ lifetimeMs, rotationIntervalMs: interval });

    for (let step = 0; step < 1000; step++) {
      const now = START + (step * interval) / 37;

      expect(role.current(now).expiresAt).toBeGreaterThan(now);
    }
  });

  it("issues the newest only, when several fell due while nobody asked", () => {
    const { role, ledger } = roleOf();
    const first = role.current(START);
    const later = role.current(START + 24 * HOUR);

    expect([first.generation, later.generation]).toEqual([1, 2]);
    expect(ledger.find(first.accessKeyId)).toBe(first);
  });
});

describe("a rotation that is held", () => {
  it("leaves what was current when the hold began, even if nobody had asked for it", () => {
    const { role } = roleOf();
    const { role: free } = roleOf();
    role.hold(START + 5 * HOUR);

    expect(role.current(START + 7 * HOUR).issuedAt).toBe(free.current(START + 5 * HOUR).issuedAt);
  });

  it("comes at the release when it was due, and at its own time when it was not", () => {
    const { role: due } = roleOf();
    due.hold(START + 10 * MINUTE);
    due.release(START + 3 * HOUR);
    const { role: notDue } = roleOf();
    notDue.hold(START + 10 * MINUTE);
    notDue.release(START + 20 * MINUTE);

    expect(due.current(START + 3.5 * HOUR).issuedAt).toBe(START + 3 * HOUR);
    expect(notDue.current(START + 30 * MINUTE).issuedAt).toBe(START);
  });

  it("is held until the last of several holds is released", () => {
    const { role } = roleOf();
    role.hold(START);
    role.hold(START + MINUTE);
    role.release(START + HOUR);

    expect(role.current(START + 2 * HOUR).issuedAt).toBe(START);
  });

  it("gives way to a revocation", () => {
    const { role, ledger } = roleOf();
    const first = role.current(START);
    role.hold(START);
    role.revoke(START + MINUTE);

    const next = role.current(START + MINUTE);

    expect(next.issuedAt).toBe(START + MINUTE);
    expect(ledger.judge(first.accessKeyId, first.sessionToken, START + MINUTE)).toBe("revoked");
    expect(ledger.judge(next.accessKeyId, next.sessionToken, START + MINUTE)).toBe("valid");
  });
});
