/** A client of next to nothing, so that a bench of it is over soon: PUT and GET over connections that are kept. */

import { Agent, request } from "node:http";

export const open = ({ endpoint }) => ({ endpoint, agent: new Agent({ keepAlive: true }) });

export function run({ endpoint, agent }, { type, bucket, key, body }) {
  return new Promise((resolve, reject) => {
    const asked = request(`${endpoint}/${bucket}/${key}`, { agent, method: type.toUpperCase() }, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk) => {
        bytes += chunk.length;
      });
      answer.on("end", () => resolve(bytes));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

export const close = ({ agent }) => agent.destroy();
