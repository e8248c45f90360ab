/** The keys that the agent reads from files: that of session tokens, which it makes itself, and that of the state file, which it is given. */

import { randomBytes } from "node:crypto";
import { realpath } from "node:fs/promises";
import { InvalidInputError, Secret } from "@evertoken/core";
import { type Owner, readPrivateFile, writePrivateFile } from "./private-file.js";
import { SESSION_KEY_BYTES } from "./session-tokens.js";

/** The key of session tokens: made once, kept beside them, so that they survive a restart. */
export async function sessionKey(file: string, owner: Owner | undefined): Promise<Secret> {
  const kept = (await readPrivateFile(file))?.toString("utf8").trim() ?? "";
  if (Buffer.from(kept, "base64").length === SESSION_KEY_BYTES) return new Secret(kept);
  const made = randomBytes(SESSION_KEY_BYTES).toString("base64");
  await writePrivateFile(file, made, { owner });
  return new Secret(made);
}

/** Shorter keys could be guessed. */
const LEAST_STATE_KEY_BYTES = 16;

/** @throws InvalidInputError when the file is not there or too short; FileNotPrivateError when others can read it. */
export async function stateKey(file: string): Promise<Secret> {
  // Kubernetes mounts secrets as links.
  const key = await readPrivateFile(await realpath(file).catch(() => file), 0o640);
  if (key !== undefined && key.length >= LEAST_STATE_KEY_BYTES) return new Secret(key.toString("base64"));
  const what = key === undefined ? "is not there" : `holds ${key.length} bytes`;
  throw new InvalidInputError("agent options", [
    {
      field: "state.keyFile",
      message: `${file} ${what}: expected a file of ${LEAST_STATE_KEY_BYTES} random bytes or more`,
    },
  ]);
}
