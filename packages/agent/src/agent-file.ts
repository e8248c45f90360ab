/**
 * `agent.json` in the agent's directory: where it listens, for the programs on this host that look for it. No secret in it;
 * the tokens are in files of their own, with their own modes.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { check, EvertokenError } from "@evertoken/core";
import * as v from "valibot";
import { type Owner, writePrivateFile } from "./private-file.js";

const schema = v.object({
  pid: v.number(),
  container: v.string(),
  imds: v.optional(v.string()),
  socket: v.optional(v.string()),
  admin: v.string(),
  /** By name: `default` and the assumed ones. */
  roles: v.record(v.string(), v.object({ path: v.string(), tokenFile: v.string() })),
});

export type AgentFile = v.InferOutput<typeof schema>;

/** There is no agent on this host, as far as can be seen. */
export class NoAgentError extends EvertokenError {
  override readonly code = "NO_AGENT";
}

/** The same for the agent and for those who look for it. */
export function defaultDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  // systemd gives several, separated by colons.
  const given = environment.EVERTOKEN_AGENT_DIRECTORY || environment.RUNTIME_DIRECTORY?.split(":")[0];
  if (given) return given;
  if (process.getuid?.() === 0 || !environment.XDG_RUNTIME_DIR) return "/run/evertoken";
  return join(environment.XDG_RUNTIME_DIR, "evertoken");
}

const NAME = "agent.json";

/** Everybody may know where the agent listens. */
const READABLE = 0o644;

export function writeAgentFile(directory: string, file: AgentFile, owner: Owner | undefined): Promise<void> {
  return writePrivateFile(join(directory, NAME), `${JSON.stringify(file, null, 2)}\n`, { mode: READABLE, owner });
}

/** @throws NoAgentError when there is none; InvalidInputError when it is not one. */
export async function readAgentFile(directory: string): Promise<AgentFile> {
  const path = join(directory, NAME);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new NoAgentError(
      `no agent has left its address in ${path}: start one with evertoken agent, or name its directory (--directory or EVERTOKEN_AGENT_DIRECTORY).`,
      { cause },
    );
  }
  try {
    return check(schema, JSON.parse(text), path);
  } catch (cause) {
    throw new NoAgentError(`${path} is not what an agent writes: restart the agent.`, { cause });
  }
}
