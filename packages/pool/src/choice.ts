/** Which of the clients that could take a request does. */

import type { Random } from "@evertoken/core";

/** What a choice may look at. */
export interface Candidate {
  readonly id: number;
  /** Requests and leases under way. */
  readonly inFlight: number;
}

/**
 * - `power-of-two-choices`: the less busy of two taken at random. Nearly as even as looking at all of them, at the cost
 *   of two reads, and without every caller running to the same one at the same moment.
 *   https://www.eecs.harvard.edu/~michaelm/postscripts/mythesis.pdf (Mitzenmacher 1996)
 * - `round-robin`: one after the other.
 * - a function: is given the candidates (at least one) and returns one of them.
 */
export type Choice = "power-of-two-choices" | "round-robin" | ((candidates: readonly Candidate[]) => Candidate);

/** Chooses one of `candidates`; undefined when there are none. */
export type Choose = <M extends Candidate>(candidates: readonly M[]) => M | undefined;

export function chooser(choice: Choice, random: Random): Choose {
  if (choice === "round-robin") return roundRobin();
  if (choice === "power-of-two-choices") return (candidates) => lessBusyOfTwo(candidates, random);
  return (candidates) => {
    if (candidates.length === 0) return undefined;
    const chosen = choice(candidates);
    const found = candidates.find((candidate) => candidate === chosen);
    if (found === undefined) throw new TypeError("choice returned something that is not one of the candidates");
    return found;
  };
}

function roundRobin(): Choose {
  let last = -1;
  // By id, because members come and go.
  return (candidates) => {
    const next = candidates.find(({ id }) => id > last) ?? candidates[0];
    last = next?.id ?? last;
    return next;
  };
}

function lessBusyOfTwo<M extends Candidate>(candidates: readonly M[], random: Random): M | undefined {
  const count = candidates.length;
  if (count < 2) return candidates[0];
  const first = Math.floor(random() * count);
  // Another one than the first.
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const [one, other] = [candidates[first] as M, candidates[second] as M];
  return other.inFlight < one.inFlight ? other : one;
}
