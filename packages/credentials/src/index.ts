export { CredentialsRejectedError, CredentialsUnavailableError } from "./errors.js";
export { fromImds } from "./from-imds.js";
export { type AwsSdkProvider, fromProvider } from "./from-provider.js";
export type { Identity } from "./held.js";
export {
  createKeeper,
  type Keeper,
  type KeeperEvents,
  type KeeperStatus,
  type Provider,
  type ProviderOptions,
  type Refresh,
  type RefreshOutcome,
  type RefreshTrigger,
  type RejectOptions,
} from "./keeper.js";
export type { KeeperOptions } from "./options.js";
export type { KeeperState } from "./policy.js";
export type { Refusal } from "./refusals.js";
export type { CredentialSource, Credentials, Loaded, LoadRequest } from "./source.js";
