/** The base with every operation done twice: what that comes to tells how much of a figure is the client's own. */

import { doneAgain } from "./again.mjs";

export const { open, run, close } = doneAgain(1);
