export type { ActiveFault, FaultEvents } from "./fault-board.js";
export { FAULTS, type FaultDescription, type FaultName, type FaultOptions, type FaultPeriod } from "./faults.js";
export type { Journal, JournalCount, JournalEntry } from "./journal.js";
export { PortInUseError } from "./listener.js";
export type { SimulatorOptions } from "./options.js";
export { type Endpoints, type Simulator, startSimulator } from "./simulator.js";
export { followClock } from "./virtual-date.js";
