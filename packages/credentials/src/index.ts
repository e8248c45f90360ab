export { CredentialsRejectedError, CredentialsUnavailableError } from "./errors.js";
export { ContainerCredentialsError, type ContainerOptions, fromContainer } from "./from-container.js";
export { type DefaultChainOptions, fromDefaultChain } from "./from-default-chain.js";
export { fromEnvironment } from "./from-environment.js";
export { fromImds } from "./from-imds.js";
export { type AwsSdkProvider, fromProvider } from "./from-provider.js";
export { fromSharedConfig, fromWebIdentity, type SharedConfigOptions } from "./from-sdk.js";
export type { Identity } from "./held.js";
export { type HistoryEntry, lineOf as historyLine } from "./history.js";
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
  type Snapshot,
} from "./keeper.js";
export type { KeeperOptions } from "./options.js";
export type { KeeperState } from "./policy.js";
export type { Refusal } from "./refusals.js";
export type { CredentialSource, Credentials, Loaded, LoadRequest, SourceEvents, SourceKind } from "./source.js";
