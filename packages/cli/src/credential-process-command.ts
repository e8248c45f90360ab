/**
 * `evertoken credential-process`: the AWS `credential_process` protocol.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */

import { credentialsFrom, defaultDirectory, NoAgentError, readAgentFile } from "@evertoken/agent/client";
import { InvalidInputError } from "@evertoken/core";
import { type Credentials, createKeeper } from "@evertoken/credentials";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "./command.js";

interface Options {
  readonly role?: string;
  readonly directory: string;
}

/** Set for whatever the source starts: a profile that names this command would call it for ever. */
const CALLED = "EVERTOKEN_CREDENTIAL_PROCESS";

export function addCredentialProcessCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("credential-process")
    .description("print credentials by the AWS credential_process protocol")
    .option("--role <name>", "an assumed role of the agent, instead of the host's own identity")
    .option("--directory <path>", "the agent's directory", defaultDirectory())
    .addHelpText(
      "after",
      `
From the agent on this host, or straight from where AWS SDKs look when there is none.

Example, in ~/.aws/config:
  [profile host]
  credential_process = evertoken credential-process

Exit codes: 0 printed; 1 there are no credentials; 2 bad usage.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted(() => print(options))));
}

async function print(options: Options): Promise<number> {
  const { accessKeyId, secretAccessKey, sessionToken, expiration, accountId } = await find(options);
  const document = {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiration === undefined ? undefined : `${expiration.toISOString().slice(0, 19)}Z`,
    AccountId: accountId,
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  return EXIT.ok;
}

async function find({ role, directory }: Options): Promise<Credentials> {
  try {
    return await credentialsFrom(await readAgentFile(directory), role);
  } catch (error) {
    // Roles are the agent's: nobody else knows them by that name.
    if (!(error instanceof NoAgentError) || role !== undefined) throw error;
  }
  if (process.env[CALLED] !== undefined) {
    const message =
      "is the profile that is being read: with no agent running it would call itself for ever. Start the agent";
    throw new InvalidInputError("credential_process", [{ field: "evertoken credential-process", message }]);
  }
  process.env[CALLED] = "1";
  const keeper = createKeeper();
  try {
    return await keeper.snapshot();
  } finally {
    keeper.close();
  }
}
