export { createDashboard, type DashboardOptions } from "./dashboard.js";
export { createFleet, Fleet, type FleetOptions } from "./fleet.js";
export { assertReportable, ReportError, reportOf } from "./report.js";
export { DashboardPortError, type ServedDashboard, serveDashboard } from "./serve.js";
