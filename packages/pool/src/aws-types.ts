/**
 * The parts of an AWS SDK v3 client that a pool touches, so that it fits the clients of all services.
 */

import type { Command, HttpHandlerOptions, MetadataBearer, MiddlewareStack } from "@smithy/types";

/** Any client of the AWS SDK for JavaScript v3. */
export interface AwsClient {
  // biome-ignore lint/suspicious/noExplicitAny: each client's stack is invariant in its own inputs and outputs.
  readonly middlewareStack: MiddlewareStack<any, any>;
  readonly config: object;
  send(command: never, options?: never): unknown;
  destroy(): void;
}

export type InputOf<C extends AwsClient> =
  C["middlewareStack"] extends MiddlewareStack<infer Input, infer _Output> ? Input : never;

export type OutputOf<C extends AwsClient> =
  C["middlewareStack"] extends MiddlewareStack<infer _Input, infer Output extends MetadataBearer> ? Output : never;

/** A command that client `C` can send. */
export type CommandOf<C extends AwsClient, Input extends InputOf<C>, Output extends OutputOf<C>> = Command<
  InputOf<C>,
  Input,
  OutputOf<C>,
  Output,
  C["config"]
>;

/** What may be said about one request: `abortSignal`, `requestTimeout`. */
export type SendOptions = HttpHandlerOptions;

/** The service that a client speaks to, as its SDK calls it: `S3`, `Secrets Manager`. */
export function serviceOf({ config }: AwsClient): string {
  return "serviceId" in config && typeof config.serviceId === "string" ? config.serviceId : "unknown";
}

/** What a command does, as its service calls it: `PutObject`. Its schema says so even where bundlers rename classes. */
export function operationOf(command: object): string {
  const name = "schema" in command && Array.isArray(command.schema) ? command.schema[2] : undefined;
  return typeof name === "string" ? name : command.constructor.name.replace(/Command$/, "");
}
