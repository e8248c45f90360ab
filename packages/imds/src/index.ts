export { createImdsClient, type ImdsClient, type ImdsEvents } from "./client.js";
export { ImdsError, type ImdsErrorCode } from "./errors.js";
export { imdsProtocol } from "./protocol.js";
export type { GetOptions, ImdsCredentials } from "./role-credentials.js";
export type { ImdsOptions } from "./settings.js";
