/** The base in the same wrapping as those that do more, and doing no more: the wrapping costs something as well. */

import { doneAgain } from "./again.mjs";

export const { open, run, close } = doneAgain(Number.POSITIVE_INFINITY);
