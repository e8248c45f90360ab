/**
 * Secrets that refuse to show themselves. Printing, logging, inspecting, serialising or cloning one gives a placeholder;
 * only `reveal()` gives the text, so every place that can leak is found by searching for that word.
 */

import { inspect } from "node:util";

const PLACEHOLDER = "[secret]";

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Hand it to the wire or to a signer, to nothing else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return PLACEHOLDER;
  }

  toJSON(): string {
    return PLACEHOLDER;
  }

  [inspect.custom](): string {
    return PLACEHOLDER;
  }
}

/**
 * Makes some text fields of a plain object unprintable while they stay readable as plain strings: for objects whose
 * shape others dictate, like the identity that an AWS SDK expects. `JSON.stringify`, `util.inspect`, `console.log` and
 * spreading do not see them; who reads them by name does.
 */
export function hideFields<T extends object>(object: T, ...fields: (keyof T)[]): T {
  for (const field of fields) {
    Object.defineProperty(object, field, { value: object[field], enumerable: false, writable: false });
  }
  const placeholders = Object.fromEntries(fields.map((field) => [field, PLACEHOLDER]));
  // `console.log("%O")` shows what is not enumerable too.
  return Object.defineProperty(object, inspect.custom, { value: () => ({ ...object, ...placeholders }) });
}
