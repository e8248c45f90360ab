/** The Unix socket of the agent: what may lie where it wants to listen. */

import { lstat, rm } from "node:fs/promises";
import { connect } from "node:net";

/** A socket that an agent left behind when it was killed. What is no socket, or has somebody behind it, stays, and listening fails. */
export async function removeOldSocket(path: string): Promise<void> {
  const old = await lstat(path).catch(() => undefined);
  if (old?.isSocket() === true && !(await isListenedTo(path))) await rm(path);
}

function isListenedTo(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", () => resolve(false));
  });
}
