/**
 * The settings of an IMDS client, from all places where an AWS user may have put them: an option wins over the environment,
 * the environment over the profile of the shared config file, the profile over the default. A bad value is refused with
 * its source named.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Clock, InvalidInputError, type Random, systemClock, systemRandom } from "@evertoken/core";
import { checkedOptions, type ImdsOptions, isHttpUrl, isRoleName } from "./options.js";
import { imdsProtocol } from "./protocol.js";

/** {@link ImdsOptions} with every question answered. */
export interface ImdsSettings {
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly tokenTtlSeconds: number;
  readonly disabled: boolean;
  readonly instanceProfileName: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** What can be said outside of code. */
interface SaidElsewhere {
  readonly endpoint: string;
  readonly endpointMode: "IPv4" | "IPv6";
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly disabled: boolean;
  readonly v1Disabled: boolean;
  readonly instanceProfileName: string;
}

interface Setting<T> {
  readonly variable: string;
  /** Its name in the shared config file, where it has one. */
  readonly key?: string;
  readonly expected: string;
  /** Undefined when the text is not what was expected. */
  readonly parse: (text: string) => T | undefined;
}

const SETTINGS: { readonly [Name in keyof SaidElsewhere]: Setting<SaidElsewhere[Name]> } = {
  endpoint: {
    variable: "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    key: "ec2_metadata_service_endpoint",
    expected: "http://host[:port][/path]",
    parse: (text) => (isHttpUrl(text) ? text : undefined),
  },
  endpointMode: {
    variable: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    key: "ec2_metadata_service_endpoint_mode",
    expected: "IPv4 or IPv6",
    parse: (text) => (["IPv4", "IPv6"] as const).find((mode) => mode.toLowerCase() === text.toLowerCase()),
  },
  timeoutMs: {
    variable: "AWS_METADATA_SERVICE_TIMEOUT",
    key: "metadata_service_timeout",
    expected: "seconds > 0",
    parse: (text) => {
      const seconds = Number(text);
      return seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;
    },
  },
  attempts: {
    variable: "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    key: "metadata_service_num_attempts",
    expected: "a whole number from 1 to 100",
    parse: (text) => {
      const number = Number(text);
      return Number.isInteger(number) && number >= 1 && number <= 100 ? number : undefined;
    },
  },
  disabled: { variable: "AWS_EC2_METADATA_DISABLED", expected: "true or false", parse: parseBoolean },
  // Whatever it says, version 1 is never used; but who misspelt it learns so here as elsewhere.
  v1Disabled: {
    variable: "AWS_EC2_METADATA_V1_DISABLED",
    key: "ec2_metadata_v1_disabled",
    expected: "true or false",
    parse: parseBoolean,
  },
  instanceProfileName: {
    variable: "AWS_EC2_INSTANCE_PROFILE_NAME",
    key: "ec2_instance_profile_name",
    expected: "the name of an instance profile",
    parse: (text) => (isRoleName(text) ? text : undefined),
  },
};

/**
 * Checks options and environment at once and reads the shared config file, if there is one, when the settings are first
 * needed: a file can only be read asynchronously.
 * @throws InvalidInputError naming each option or environment variable that is wrong.
 */
export function imdsSettings(
  options: ImdsOptions = {},
  environment: NodeJS.ProcessEnv = process.env,
): { readonly known: ImdsSettings; readonly complete: () => Promise<ImdsSettings> } {
  const given = checkedOptions(options);
  const said = saidIn((setting) => [environment[setting.variable], setting.variable], "environment");
  const known = settled(given, said);
  return {
    known,
    complete: async () => {
      const file = environment.AWS_CONFIG_FILE || join(environment.HOME || homedir(), ".aws", "config");
      if (!existsSync(file)) return known;
      const profile = given.profile ?? (environment.AWS_PROFILE || "default");
      return settled(given, { ...(await saidInProfile(file, profile)), ...said });
    },
  };
}

function parseBoolean(text: string): boolean | undefined {
  return { true: true, false: false }[text.toLowerCase()];
}

async function saidInProfile(file: string, profile: string): Promise<Partial<SaidElsewhere>> {
  // Loaded here, because most instances have no such file.
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  const { configFile } = await loadSharedConfigFiles({ configFilepath: file });
  const values = configFile[profile] ?? {};
  return saidIn(({ key }) => [key === undefined ? undefined : values[key], key ?? ""], `profile ${profile} in ${file}`);
}

/** @param look gives the text of a setting and the name under which it was said. */
function saidIn(
  look: (setting: Setting<unknown>) => [text: string | undefined, name: string],
  where: string,
): Partial<SaidElsewhere> {
  const said: Record<string, unknown> = {};
  for (const [field, setting] of Object.entries(SETTINGS)) {
    const [found, name] = look(setting);
    const text = found?.trim();
    // Set to nothing is not set.
    if (text === undefined || text === "") continue;
    said[field] = setting.parse(text);
    if (said[field] === undefined) {
      throw new InvalidInputError(where, [{ field: `${name}=${text}`, message: `expected ${setting.expected}` }]);
    }
  }
  return said;
}

function settled(given: ImdsOptions, said: Partial<SaidElsewhere>): ImdsSettings {
  const mode = given.endpointMode ?? said.endpointMode ?? "IPv4";
  const defaultEndpoint = mode === "IPv6" ? imdsProtocol.ipv6Endpoint : imdsProtocol.ipv4Endpoint;
  return Object.freeze({
    endpoint: (given.endpoint ?? said.endpoint ?? defaultEndpoint).replace(/\/+$/, ""),
    timeoutMs: given.timeoutMs ?? said.timeoutMs ?? 1000,
    attempts: given.attempts ?? said.attempts ?? 3,
    tokenTtlSeconds: given.tokenTtlSeconds ?? imdsProtocol.maxTokenTtlSeconds,
    disabled: given.disabled ?? said.disabled ?? false,
    instanceProfileName: given.instanceProfileName ?? said.instanceProfileName,
    clock: given.clock ?? systemClock,
    random: given.random ?? systemRandom,
  });
}
