// A program that asks the agent once, as whoever starts it, and prints the status.
import { ask } from "./guest.mjs";

console.log((await ask()).status);
