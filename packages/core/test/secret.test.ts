import { format, inspect } from "node:util";
import { hideFields, Secret } from "@evertoken/core";
import { describe, expect, it } from "vitest";

const PLANTED = "planted-secret-2f9c";

const ways: [string, (value: unknown) => string][] = [
  ["String()", (value) => String(value)],
  ["a template", (value) => `${value}`],
  ["JSON.stringify", (value) => JSON.stringify(value)],
  ["JSON.stringify of an object around it", (value) => JSON.stringify({ value })],
  ["util.inspect with everything shown", (value) => inspect(value, { showHidden: true, depth: null })],
  ["util.inspect of an object around it", (value) => inspect({ value: { value } }, { depth: null })],
  ["console formatting", (value) => format("%s %o %O %j", value, value, value, value)],
  ["an error around it", (value) => inspect(new Error("failed", { cause: value }))],
  ["structuredClone", (value) => inspect(structuredClone(value))],
  ["spreading", (value) => inspect({ ...(value as object) })],
];

describe("a secret", () => {
  it("gives its text to those who ask for it by name", () => {
    expect(new Secret(PLANTED).reveal()).toBe(PLANTED);
  });

  it.each(ways)("does not show itself by %s", (_, show) => {
    expect(show(new Secret(PLANTED))).not.toContain(PLANTED);
  });
});

describe("hidden fields", () => {
  const hidden = () => hideFields({ accessKeyId: "AKIA", secretAccessKey: PLANTED }, "secretAccessKey");

  it("read as plain text by their names", () => {
    expect(hidden().secretAccessKey).toBe(PLANTED);
  });

  it.each(ways)("do not show themselves by %s", (_, show) => {
    expect(show(hidden())).not.toContain(PLANTED);
  });

  it("leave the other fields visible", () => {
    expect(JSON.parse(JSON.stringify(hidden()))).toEqual({ accessKeyId: "AKIA" });
  });
});
