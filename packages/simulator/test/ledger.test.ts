import { describe, expect, it } from "vitest";
import { Ledger, MOST_KNOWN } from "../src/ledger.js";

const ISSUED_AT = Date.UTC(2026, 10, 23, 12) + 300;
const LIFETIME = 60_000;

describe("an issued credential", () => {
  it("looks like a temporary one of AWS, and numbers its generation", () => {
    const ledger = new Ledger(1);

    expect(ledger.issue("web", ISSUED_AT, LIFETIME)).toEqual({
      accessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^[\w+/]{40}$/),
      sessionToken: expect.stringMatching(/^IQoJ[\w+/=]{320}$/),
      roleName: "web",
      generation: 1,
      issuedAt: ISSUED_AT,
      expiresAt: ISSUED_AT + LIFETIME - 300,
    });
    expect(ledger.issue("web", ISSUED_AT, LIFETIME).generation).toBe(2);
  });

  it("cannot be changed", () => {
    expect(new Ledger(1).issue("web", ISSUED_AT, LIFETIME)).toSatisfy(Object.isFrozen);
  });

  it("is the same for the same seed and generation, and another otherwise", () => {
    const ids = (seed: number) => {
      const ledger = new Ledger(seed);
      return [1, 2].map(() => ledger.issue("web", ISSUED_AT, LIFETIME).accessKeyId);
    };

    expect(ids(7)).toEqual(ids(7));
    expect(new Set([...ids(7), ...ids(8)]).size).toBe(4);
  });
});

describe("the ledger's verdict", () => {
  const judged = (after: number, token?: (own: string) => string | undefined) => {
    const ledger = new Ledger(1);
    const { accessKeyId, sessionToken, expiresAt } = ledger.issue("web", ISSUED_AT, LIFETIME);
    return ledger.judge(accessKeyId, token ? token(sessionToken) : sessionToken, expiresAt + after);
  };

  it("is valid to the last millisecond, and expired from the end on", () => {
    expect([judged(-1), judged(0), judged(1)]).toEqual(["valid", "expired", "expired"]);
  });

  it.each([
    ["none", () => undefined],
    ["an empty one", () => ""],
    ["another's", () => "another"],
    ["half of it", (own: string) => own.slice(0, 100)],
  ])("is wrong-session-token with %s", (_, token) => {
    expect(judged(-1, token)).toBe("wrong-session-token");
  });

  it("is unknown for what was never issued here", () => {
    expect(new Ledger(1).judge("ASIAMADEUP", "token", 0)).toBe("unknown");
  });

  it("is revoked for all that was issued before a revocation, and for nothing that came after", () => {
    const ledger = new Ledger(1);
    const before = [1, 2].map(() => ledger.issue("web", ISSUED_AT, LIFETIME));
    ledger.revokeAll();
    const after = ledger.issue("web", ISSUED_AT, LIFETIME);

    const verdicts = [...before, after].map((it) => ledger.judge(it.accessKeyId, it.sessionToken, ISSUED_AT));

    expect(verdicts).toEqual(["revoked", "revoked", "valid"]);
  });
});

describe("a ledger that is asked for very many credentials", () => {
  it("keeps the newest, and the keys of users; the oldest are unknown from then on", () => {
    const ledger = new Ledger(1);
    const caller = { accountId: "123456789012", arn: "arn:aws:iam::123456789012:user/one", userId: "AIDA" };
    const user = ledger.longTermKey("one", caller);
    const issued = Array.from({ length: MOST_KNOWN + 1 }, () => ledger.issue("role", 0, 3_600_000));
    const [first, , third] = issued;

    const verdicts = [first, third, issued.at(-1), user].map((credential) =>
      ledger.judge(credential?.accessKeyId ?? "", credential?.sessionToken || undefined, 1),
    );

    expect(verdicts).toEqual(["unknown", "valid", "valid", "valid"]);
    expect(issued.at(-1)?.generation).toBe(MOST_KNOWN + 1);
  });
});
