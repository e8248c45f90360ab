/** The base with one operation in twenty done twice. */

import { doneAgain } from "./again.mjs";

export const { open, run, close } = doneAgain(20);
