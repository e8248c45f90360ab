/** A client that is quick to fail. */

import * as light from "./light.mjs";

export const { open, close } = light;

let count = 0;

export async function run(client, operation) {
  count += 1;
  if (count % 3 === 0) throw Object.assign(new Error("not now"), { name: "SlowDown" });
  return light.run(client, operation);
}
