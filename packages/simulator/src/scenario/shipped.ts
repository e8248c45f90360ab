/** The scenarios that come with this package, by name, and those of users, by file. */

import { readdir, readFile } from "node:fs/promises";
import { describeError, InvalidInputError } from "@evertoken/core";
import { parseScenario, type Scenario } from "./scenario.js";

const SHIPPED = new URL("../../scenarios/", import.meta.url);

const EXTENSION = ".yaml";

/** The names of the scenarios that come with this package, in alphabetical order. */
export async function shippedScenarios(): Promise<string[]> {
  const files = await readdir(SHIPPED);
  return files.flatMap((file) => (file.endsWith(EXTENSION) ? [file.slice(0, -EXTENSION.length)] : [])).sort();
}

/**
 * @param nameOrFile the name of a shipped scenario, or the path of a file: with a `/` or ending in `.yaml` or `.yml`.
 * @throws InvalidInputError when there is no such scenario, or something is wrong with it.
 */
export async function loadScenario(nameOrFile: string): Promise<Scenario> {
  if (/[/\\]|\.ya?ml$/.test(nameOrFile)) return parseScenario(await readScenario(nameOrFile), nameOrFile);
  const names = await shippedScenarios();
  if (!names.includes(nameOrFile)) {
    const message = `is ${JSON.stringify(nameOrFile)}: expected a file (*.yaml), or one of ${names.join(", ")}`;
    throw new InvalidInputError("startSimulator options", [{ field: "scenario", message }]);
  }
  return parseScenario(await readFile(new URL(`${nameOrFile}${EXTENSION}`, SHIPPED), "utf8"), `scenario ${nameOrFile}`);
}

async function readScenario(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const message = `cannot be read: ${describeError(error)}`;
    throw new InvalidInputError("scenario", [{ field: path, message }], { cause: error });
  }
}
