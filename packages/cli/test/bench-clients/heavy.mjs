/** The light one with a millisecond of work on top of each operation. */

import * as light from "./light.mjs";

export const { open, close } = light;

export async function run(client, operation) {
  const answer = await light.run(client, operation);
  const { user, system } = process.cpuUsage();
  for (let now = { user, system }; now.user + now.system < user + system + 1000; ) now = process.cpuUsage();
  return answer;
}
