export type { InstanceIdentity, MaintenanceEvent, NetworkInterface, SpotInstanceAction } from "./categories.js";
export { createImdsClient, type ImdsClient } from "./client.js";
export { ImdsError, type ImdsErrorCode } from "./errors.js";
export type { ImdsOptions } from "./options.js";
export { imdsProtocol } from "./protocol.js";
export type { GetOptions, ImdsCredentials } from "./role-credentials.js";
export type { ImdsEvents } from "./session.js";
export type { WatchOptions } from "./watch.js";
