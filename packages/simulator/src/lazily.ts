/**
 * Libraries that few programs need, loaded when they are first needed: importing them takes longer than all the rest of this
 * package. At once and not by `import()`, because who needs them cannot wait.
 */

import { createRequire } from "node:module";
import { describeError, InvalidInputError } from "@evertoken/core";
import type { Document } from "yaml";

const require = createRequire(import.meta.url);

export const yaml = (): typeof import("yaml") => require("yaml");

export const fastXmlParser = (): typeof import("fast-xml-parser") => require("fast-xml-parser");

/**
 * What a document holds.
 * @param where what is being read, for errors.
 * @throws InvalidInputError when it makes much of little by naming a part of it over and over.
 */
export function contentOf(document: Document.Parsed, where: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw new InvalidInputError(where, [{ field: "YAML", message: `cannot be read: ${describeError(cause)}` }], {
      cause,
    });
  }
}
