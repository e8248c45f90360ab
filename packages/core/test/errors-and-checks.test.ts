import { check, describeError, EvertokenError, InvalidInputError } from "@evertoken/core";
import * as v from "valibot";
import { describe, expect, it } from "vitest";

const schema = v.strictObject({
  size: v.pipe(v.number("must be a number"), v.minValue(1, "is too small: expected 1 or more")),
  timeline: v.optional(v.array(v.object({ fault: v.string("must be a name") }))),
});

describe("checking at the door", () => {
  it("gives back what the schema makes of the input", () => {
    expect(check(schema, { size: 3 }, "options")).toEqual({ size: 3 });
  });

  it("names every field that is wrong, where it stands, and what was expected", () => {
    const refused = () => check(schema, { size: 0, timeline: [{ fault: "a" }, { fault: 3 }] }, "pool options");

    expect(refused).toThrow(InvalidInputError);
    expect(refused).toThrow("pool options: size is too small: expected 1 or more; timeline[1].fault must be a name");
  });

  it("names an unknown field", () => {
    expect(() => check(schema, { size: 1, siez: 2 }, "options")).toThrow("siez is not known: mind its spelling");
  });

  it("says so when the input is not of the kind at all", () => {
    expect(() => check(schema, 42, "options")).toThrow(/^options: value is 42: expected Object/);
  });

  it("says that a field is missing", () => {
    expect(() => check(schema, {}, "options")).toThrow("size is missing");
  });
});

describe("an error of ours", () => {
  class LostError extends EvertokenError {
    override readonly code = "LOST";
  }

  it("carries a stable code, its own name and its cause", () => {
    const cause = new Error("no socket");
    const error = new LostError("could not ask", { cause });

    expect(error).toMatchObject({ code: "LOST", name: "LostError", cause });
  });
});

describe("describing an error in a sentence", () => {
  it("tells the causes too", () => {
    const error = new Error("no credentials", { cause: new Error("connect ECONNREFUSED") });

    expect(describeError(error)).toBe("no credentials (connect ECONNREFUSED)");
  });

  it("tells a cause once, if the message tells it already", () => {
    const cause = new Error("ENOENT: no such file");

    expect(describeError(new Error("a.yaml cannot be read: ENOENT: no such file", { cause }))).toBe(
      "a.yaml cannot be read: ENOENT: no such file",
    );
  });

  it("tells what an aggregate without a message holds", () => {
    expect(describeError(new AggregateError([new Error("IPv4 refused"), new Error("IPv6 refused")]))).toBe(
      "IPv4 refused, IPv6 refused",
    );
  });

  it("takes what is not an error as it is", () => {
    expect(describeError("plain text")).toBe("plain text");
  });
});
