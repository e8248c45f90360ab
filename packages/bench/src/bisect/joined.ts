/** Several runs of the same candidates as one with more rounds. */

import type { BenchRecord, Candidate } from "../record.js";

/** @throws RangeError for none. */
export function joined(records: readonly BenchRecord[]): BenchRecord {
  const first = records[0];
  if (first === undefined) throw new RangeError("joined: expected at least one record");
  let before = 0;
  const measurements = records.flatMap((record) => {
    const from = before;
    before += record.settings.rounds;
    return record.measurements.map((one) => ({ ...one, round: from + one.round }));
  });
  return {
    ...first,
    complete: records.every(({ complete }) => complete),
    settings: { ...first.settings, rounds: before },
    candidates: first.candidates.map((candidate, index) => failedIn(records, index) ?? candidate),
    measurements,
    warnings: [...new Set(records.flatMap(({ warnings }) => warnings))],
  };
}

/** One that died in any of them takes no part in all of them. */
const failedIn = (records: readonly BenchRecord[], index: number): Candidate | undefined =>
  records.map(({ candidates }) => candidates[index]).find((candidate) => candidate?.failure !== undefined);
