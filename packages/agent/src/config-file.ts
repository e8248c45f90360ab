/** The configuration file: YAML, with the fields of {@link AgentConfig}. */

import { readFile } from "node:fs/promises";
import { describeError, InvalidInputError } from "@evertoken/core";
import { parse } from "yaml";
import type { AgentConfig } from "./options.js";

/**
 * Its fields, unchecked but for being a list of fields: `startAgent` and `reload` check them.
 * @throws InvalidInputError when it cannot be read, or is not YAML.
 */
export async function readConfigFile(path: string): Promise<AgentConfig> {
  const wrong = (message: string, cause?: unknown) =>
    new InvalidInputError("configuration file", [{ field: path, message }], { cause });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw wrong("cannot be read", cause);
  }
  let config: unknown;
  try {
    config = parse(text) ?? {};
  } catch (error) {
    // The parser's first line says where; the rest shows the text.
    throw wrong(`is not YAML: ${describeError(error).split("\n")[0]}`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw wrong("holds no fields: expected lines such as port: 9820");
  }
  return config;
}
