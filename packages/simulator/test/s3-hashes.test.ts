import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { BodyHash } from "../src/s3/body-hash.js";
import { HmacKey } from "../src/s3/hmac-key.js";

describe("a key that signs again and again", () => {
  const bytes = Buffer.from("0123456789abcdef0123456789abcdef");
  const key = new HmacKey(bytes);

  it.each([0, 1, 55, 56, 64, 511, 512, 513, 5000])("signs %d characters as Node.js's own HMAC does", (length) => {
    for (const text of ["x".repeat(length), "ä€😀".repeat(length), "short"]) {
      expect(key.sign(text)).toBe(createHmac("sha256", bytes).update(text).digest("hex"));
    }
  });
});

describe("the hash of a body", () => {
  it.each([[[]], [["one piece"]], [["two ", "pieces"]], [["", "three ", "pieces"]]])(
    "is that of %j together",
    (pieces) => {
      const whole = createHash("sha256").update(pieces.join(""));
      const inPieces = new BodyHash("sha256");

      for (const piece of pieces) inPieces.update(Buffer.from(piece));

      expect(inPieces.digest()).toBe(whole.digest("hex"));
    },
  );
});
