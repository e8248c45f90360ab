/**
 * Checking at the door: a schema turns what was handed in into filled-in settings, or into one error that names every
 * field that is wrong. Any Standard Schema works (https://standardschema.dev), so this room needs no schema library.
 */

import { InvalidInputError, type Problem } from "./errors.js";

/** The part of Standard Schema v1 that is used here. */
export interface Schema<Output> {
  readonly "~standard": {
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type Result<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * @param where what is being checked, as its user calls it: `createS3Pool options`.
 * @throws InvalidInputError naming each field that is wrong and what was expected.
 */
export function check<Output>(schema: Schema<Output>, value: unknown, where: string): Output {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new TypeError(`the schema of ${where} is asynchronous`);
  if (result.issues === undefined) return result.value;
  throw new InvalidInputError(where, result.issues.map(toProblem));
}

function toProblem({ path = [], message }: Issue): Problem {
  const field = path
    .map((step) => (typeof step === "object" ? step.key : step))
    .map((key, depth) => (typeof key === "number" ? `[${key}]` : `${depth > 0 ? "." : ""}${String(key)}`))
    .join("");
  return { field: field === "" ? "value" : field, message: inWords(message) };
}

/** What valibot says where the schema says nothing of its own. */
const WORDS: readonly (readonly [form: RegExp, words: string])[] = [
  [/^Invalid key: Expected never .*$/, "is not known: mind its spelling, or leave it out"],
  [/^Invalid key: Expected .* but received undefined$/, "is missing"],
  [/^Invalid type: Expected (.*) but received (.*)$/, "is $2: expected $1"],
];

function inWords(message: string): string {
  const [form, words] = WORDS.find(([form]) => form.test(message)) ?? [message, message];
  return message.replace(form, words);
}
