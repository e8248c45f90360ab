/**
 * `@evertoken/agent/client`: the agent on this host, for programs that use it. An entry of its own, because SDKs start a
 * credential process again and again, and it should wait for nothing of the agent itself.
 */

export { type AgentFile, defaultDirectory, NoAgentError, readAgentFile } from "./agent-file.js";
export {
  AgentAnswerError,
  credentialsFrom,
  type EnvironmentOptions,
  environmentFor,
  statusFrom,
} from "./local-agent.js";
export { type AgentStatus, describeStatus, type HeldStatus } from "./status.js";
