/** The base with a tail: one operation in a hundred takes 50 ms longer, and costs nothing more. */

import { setTimeout as pause } from "node:timers/promises";
import * as base from "./base.mjs";

const ONE_IN = 100;
const LONGER_MS = 50;

export function open(settings) {
  return { client: base.open(settings), count: 0 };
}

export async function run(opened, operation) {
  opened.count += 1;
  const isSlow = opened.count % ONE_IN === 0;
  const answer = await base.run(opened.client, operation);
  if (isSlow) await pause(LONGER_MS);
  return answer;
}

export async function close({ client }) {
  await base.close(client);
}
