import { inspect } from "node:util";
import { CredentialsRejectedError, CredentialsUnavailableError } from "@evertoken/credentials";
import { describe, expect, it } from "vitest";
import { credentials, HOUR, keeperAtNoon, MINUTE, NOON } from "./offers.js";

describe("the history of a keeper", () => {
  it("tells in plain words what led to a rejection that could not be mended", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.fails("IMDS is down");
    await clock.advance(2 * HOUR);
    const outcome = keeper.reject("A1", "ExpiredToken").catch((error: unknown) => error);
    await clock.advance(11_000);

    const error = (await outcome) as CredentialsRejectedError;

    expect(error).toBeInstanceOf(CredentialsRejectedError);
    expect(error.timeline).toEqual([
      "2026-11-23T12:00:00Z took generation 1 (A1), good until 2026-11-23T18:00:00Z",
      "2026-11-23T12:05:00Z to 2026-11-23T14:00:00Z (24 ×) refresh failed: IMDS is down",
      "2026-11-23T14:00:00Z a service rejected A1: ExpiredToken",
      expect.stringMatching(/^2026-11-23T14:00:00Z to 2026-11-23T14:00:\d\dZ \(\d+ ×\) refresh failed: IMDS is down$/),
    ]);
    expect(error.message).toContain("took generation 1");
  });

  it("tells what led to a load error", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    source.fails("no role is attached");
    await keeper.provider().catch(() => {});
    await clock.advance(HOUR);

    const error = (await keeper.provider().catch((thrown: unknown) => thrown)) as CredentialsUnavailableError;

    expect(error).toBeInstanceOf(CredentialsUnavailableError);
    expect(error.timeline.at(-1)).toMatch(/ × *\) refresh failed: no role is attached/);
  });

  it("still tells when the credentials were taken after troubles of many kinds", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    let failures = 0;
    source.answer = () => {
      throw new Error(`failure ${++failures}`);
    };
    await clock.advance(5 * HOUR);
    const outcome = keeper.reject("A1", "ExpiredToken").catch((error: unknown) => error);
    await clock.advance(11_000);

    const { timeline, message } = (await outcome) as CredentialsRejectedError;

    const taken = "2026-11-23T12:00:00Z took generation 1 (A1), good until 2026-11-23T18:00:00Z";
    expect(timeline[0]).toBe(taken);
    expect(message).toContain(`Before: ${taken}; `);
    expect(timeline.length).toBeLessThanOrEqual(41);
  });

  it("does not grow with time, nor with rotations", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    for (let hour = 1; hour < 200; hour++) {
      source.offers(credentials(`A${hour}`, NOON + (6 + hour) * HOUR));
      await clock.advance(HOUR);
    }

    expect(keeper.history().length).toBeLessThanOrEqual(40);
    expect(keeper.history().at(-1)?.what).toContain("took generation 200");
  });

  it("takes no note of a watch that sees what it saw before", async () => {
    const { keeper, clock } = keeperAtNoon();
    await keeper.provider();

    await clock.advance(4 * HOUR);

    expect(keeper.history()).toHaveLength(1);
  });

  it("holds no secret", async () => {
    const { keeper, clock } = keeperAtNoon();
    await keeper.provider();
    await clock.advance(6 * HOUR + MINUTE);

    expect(inspect([keeper.history(), keeper.status()], { depth: 9 })).not.toMatch(/secret of|token of/);
  });
});

describe("a snapshot", () => {
  it("is a plain object with everything in it, its end included", async () => {
    const { keeper } = keeperAtNoon();

    const snapshot = await keeper.snapshot();

    expect({ ...snapshot }).toEqual({
      accessKeyId: "A1",
      secretAccessKey: "secret of A1",
      sessionToken: "token of A1",
      expiration: new Date(NOON + 6 * HOUR),
    });
  });
});
