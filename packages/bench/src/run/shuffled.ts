import type { Random } from "@evertoken/core";

/** In random order: Fisher and Yates. */
export function shuffled<T>(all: readonly T[], random: Random): T[] {
  const left = [...all];
  return all.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}
