/**
 * What the user typed, in place of what the rooms call it. A room names the field of its options that is wrong (`dataDir`); on a
 * command line nobody has typed that, but a flag (`--data`).
 */

import { InvalidInputError, type Problem } from "@evertoken/core";
import type { Command, Option } from "commander";

interface Wording {
  /** What errors about the options that the command hands on begin with, `startSimulator options`: a file has fields of the same names. */
  readonly of: readonly string[];
  /** Flags of fields that are not called as the flag is: `{ dataDir: "--data" }`. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Settings come from a file as well: what was not typed keeps the name that it has there. */
  readonly onlyTyped?: boolean;
}

/** How an error of a room is told to whoever typed the command. */
export type Retelling = (error: unknown) => unknown;

/**
 * Names flags in errors about what they give. What has no flag keeps its name.
 * @param command after its command line was read.
 */
export function inFlags(command: Command, { of, flags = {}, onlyTyped = false }: Wording): Retelling {
  const isTyped = (flag: Option) => command.getOptionValueSource(flag.attributeName()) === "cli";
  const flagOf = (field: string): string | undefined => {
    // `timeline[0].fault` is a part of what one flag gives, `case get-1MiB` one of its values.
    const [, name = "", value = ""] = /^([^.[ ]*)(?:[.[].*|( .*))?$/.exec(field) ?? [];
    const own = command.options.filter((flag) => flag.attributeName() === name || flag.long === flags[name]);
    const flag = own.find(isTyped) ?? (onlyTyped ? undefined : own[0]);
    return flag === undefined ? undefined : `${flag.long}${value}`;
  };
  const retold = ({ field, message }: Problem): Problem => ({
    field: flagOf(field) ?? field,
    // Names of fields, unlike words, have a capital in their middle.
    message: message.replaceAll(/\b[a-z]+[A-Z]\w*/g, (name) => flagOf(name) ?? name),
  });
  return (error) => {
    if (!(error instanceof InvalidInputError) || !of.some((where) => error.message.startsWith(`${where}: `)))
      return error;
    const { problems, cause } = error;
    if (problems.every(({ field }) => flagOf(field) === undefined)) return error;
    return new InvalidInputError(nameOf(command), problems.map(retold), cause === undefined ? {} : { cause });
  };
}

/** `evertoken bench compare` */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
