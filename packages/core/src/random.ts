/**
 * Chance, as every room is told it: handed in like the clock, so that a run can be repeated from its seed.
 */

/** A number from 0 (included) to 1 (excluded), as `Math.random` gives it. */
export type Random = () => number;

export const systemRandom: Random = Math.random;

/**
 * A repeatable sequence from a seed: equal seeds give equal sequences, in every version and process.
 * The generator is mulberry32 (32-bit state, public domain): enough for jitter and simulations, not for secrets.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` give or take up to `fraction` of it: `jittered(300_000, 0.1)` is 270,000 to 330,000. */
export function jittered(length: number, fraction: number, random: Random = systemRandom): number {
  return length * (1 + fraction * (2 * random() - 1));
}
