/**
 * The base with more work: one operation in so many is done twice and counted once. How much more that is follows from counting,
 * whatever an operation costs on the machine at hand; burning time would have to be measured, and measuring costs some.
 */

import * as base from "./base.mjs";

/** @param oneIn 20: five percent more work. */
export function doneAgain(oneIn) {
  return {
    open: (settings) => ({ client: base.open(settings), count: 0 }),
    run: async (opened, operation) => {
      opened.count += 1;
      const isTwice = opened.count % oneIn === 0;
      if (isTwice) await base.run(opened.client, operation);
      return base.run(opened.client, operation);
    },
    close: ({ client }) => base.close(client),
  };
}
