import { describe, expect, it } from "vitest";
import { MOST_KNOWN, SessionTokens } from "../src/imds-session-tokens.js";

function granted(tokens: SessionTokens, ttlSeconds: number, now: number): string {
  const grant = tokens.grant(String(ttlSeconds), now);
  if (grant === undefined) throw new Error("the token was not granted");
  return grant.token;
}

describe("session tokens", () => {
  it("are the same for the same seed, and others for another", () => {
    expect(granted(new SessionTokens(7), 60, 0)).toBe(granted(new SessionTokens(7), 60, 0));
    expect(granted(new SessionTokens(7), 60, 0)).not.toBe(granted(new SessionTokens(8), 60, 0));
  });

  it("go on being called expired after their end", () => {
    const tokens = new SessionTokens(1);
    const token = granted(tokens, 60, 0);

    expect([59_999, 60_000, 60_001].map((now) => tokens.judge(token, now))).toEqual(["good", "expired", "expired"]);
  });

  it("make room when there are very many: expired ones first", () => {
    const tokens = new SessionTokens(1);
    const good = granted(tokens, 21_600, 0);
    for (let count = 1; count < MOST_KNOWN; count++) granted(tokens, 1, 0);

    const newest = granted(tokens, 60, 2000);

    expect(tokens.judge(good, 2000)).toBe("good");
    expect(tokens.judge(newest, 2000)).toBe("good");
  });

  it("make room when there are very many good ones: the oldest goes", () => {
    const tokens = new SessionTokens(1);
    const oldest = granted(tokens, 60, 0);
    const second = granted(tokens, 60, 0);
    for (let count = 2; count <= MOST_KNOWN; count++) granted(tokens, 60, 0);

    expect(tokens.judge(oldest, 0)).toBe("unknown");
    expect(tokens.judge(second, 0)).toBe("good");
  });
});
