/** What can be observed, and how its kinds are told apart. */

import type { Keeper } from "@evertoken/credentials";
import type { ImdsClient } from "@evertoken/imds";
import type { AwsClient, ClientPool } from "@evertoken/pool";

/** Any pool, whatever its clients. */
export type AnyPool = Pick<ClientPool<AwsClient>, "on" | "stats" | "keeper">;

export type Observable = Keeper | AnyPool | ImdsClient;

export const isKeeper = (value: unknown): value is Keeper => has("on", "provider", "status")(value);
export const isPool = (value: unknown): value is AnyPool => has("on", "stats", "keeper")(value);
export const isImdsClient = (value: unknown): value is ImdsClient => has("on", "roleName", "skewMs")(value);

export function has(...names: string[]): (value: unknown) => boolean {
  return (value) => typeof value === "object" && value !== null && names.every((name) => name in value);
}
