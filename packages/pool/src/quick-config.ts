/**
 * A client's config that is quick to copy. The SDK copies it four times for a request, and puts it together in a way that
 * makes V8 keep its seventy members as a hash table, which takes 13 µs to copy instead of 2.
 *
 * Nothing about the object changes. V8 gives an object the form that is quick to read as soon as another one inherits
 * from it and members are looked for there often enough to be worth it.
 */

/** V8 learns what a place in the code reads only after some turns. */
const TURNS = 100;

/** Where V8 learns nothing of it, or another engine is in use, this does nothing. */
export function makeQuickToCopy(config: object): void {
  const heir = Object.create(config) as Readonly<Record<string, unknown>>;
  for (let turn = 0; turn < TURNS; turn++) readMissing(heir);
}

function readMissing(heir: Readonly<Record<string, unknown>>): unknown {
  return heir.evertokenMissing;
}
