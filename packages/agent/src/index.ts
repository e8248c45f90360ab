export { type Agent, DirectoryError, PermanentCredentialsError, startAgent } from "./agent.js";
export { type AgentFile, NoAgentError, readAgentFile } from "./agent-file.js";
export { readConfigFile } from "./config-file.js";
export type { HandedSockets } from "./doors.js";
export { ListenError } from "./gate.js";
export {
  AgentAnswerError,
  credentialsFrom,
  type EnvironmentOptions,
  environmentFor,
  statusFrom,
} from "./local-agent.js";
export { type AgentConfig, type AgentOptions, defaultDirectory } from "./options.js";
export { FileNotPrivateError } from "./private-file.js";
export { keepMemoryOutOfCoreDumps } from "./privileges.js";
export { type AgentStatus, describeStatus, type HeldStatus } from "./status.js";
export { createNotifier, handedSockets, type Notifier } from "./systemd.js";
export type { Trouble } from "./troubles.js";
export type { ClientUsage } from "./usage.js";
export type { MakePage } from "./watched.js";
