/**
 * An RSA key that follows from the seed. `node:crypto` makes random ones only, and with those the signatures of two
 * equal runs would differ. It signs what this simulator says about its own made-up instance, and protects nothing.
 */

import { checkPrimeSync, createPrivateKey, type KeyObject } from "node:crypto";
import { seededBytes } from "../seeded.js";

const PUBLIC_EXPONENT = 65_537n;

/** Half of the key's 2048 bits. */
const PRIME_BYTES = 128;

/** Candidates with one of these as a factor, four in five of them, are told without asking OpenSSL. */
const SMALL_PRIMES = Array.from({ length: 2000 }, (_, index) => index)
  .filter((number) => number > 2 && Array.from({ length: 43 }, (_, i) => i + 2).every((d) => d >= number || number % d))
  .map(BigInt);

export function seededRsaKey(seed: number): KeyObject {
  const p = prime(seed, "rsa/p");
  const q = prime(seed, "rsa/q");
  const n = p * q;
  const d = inverse(PUBLIC_EXPONENT, (p - 1n) * (q - 1n));
  const numbers = { n, e: PUBLIC_EXPONENT, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const parts = Object.entries(numbers).map(([name, number]) => [name, bytesOf(number).toString("base64url")]);
  return createPrivateKey({ format: "jwk", key: { kty: "RSA", ...Object.fromEntries(parts) } });
}

/** The first prime from a seeded place on whose predecessor the exponent does not divide, or there would be no inverse. */
function prime(seed: number, purpose: string): bigint {
  const bytes = seededBytes(seed, purpose, PRIME_BYTES);
  // The two highest bits make the product as long as it should be, the lowest makes it odd.
  bytes[0] = (bytes[0] ?? 0) | 0xc0;
  bytes[PRIME_BYTES - 1] = (bytes[PRIME_BYTES - 1] ?? 0) | 1;
  const start = BigInt(`0x${bytes.toString("hex")}`);
  const remainders = SMALL_PRIMES.map((small) => [Number(small), Number(start % small)] as const);
  for (let offset = 0; ; offset += 2) {
    if (remainders.some(([small, remainder]) => (remainder + offset) % small === 0)) continue;
    const candidate = start + BigInt(offset);
    if ((candidate - 1n) % PUBLIC_EXPONENT !== 0n && checkPrimeSync(candidate, { checks: 20 })) return candidate;
  }
}

/** The number whose product with `value` leaves 1 when divided by `modulus` (extended Euclid). */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, value % modulus];
  let [x, y] = [0n, 1n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return x < 0n ? x + modulus : x;
}

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
