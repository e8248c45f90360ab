/**
 * The base with five percent more work: one operation in twenty is done twice and counted once. How much more that is follows from
 * counting, whatever an operation costs on the machine at hand; burning time would have to be measured, and measuring costs some.
 */

import * as base from "./base.mjs";

const ONE_IN = 20;

export function open(settings) {
  return { client: base.open(settings), count: 0 };
}

export async function run(opened, operation) {
  opened.count += 1;
  const isTwice = opened.count % ONE_IN === 0;
  if (isTwice) await base.run(opened.client, operation);
  return base.run(opened.client, operation);
}

export async function close({ client }) {
  await base.close(client);
}
