/** All faults there are, by name. To add one, add an entry to the table that it belongs into. */

import { CREDENTIAL_FAULTS } from "./credentials.js";
import type { Fault } from "./fault.js";
import { IMDS_FAULTS } from "./imds.js";
import { S3_FAULTS } from "./s3.js";
import { WIRE_FAULTS } from "./wire.js";

const TABLE = { ...WIRE_FAULTS, ...IMDS_FAULTS, ...CREDENTIAL_FAULTS, ...S3_FAULTS };

export type FaultName = keyof typeof TABLE;

export const FAULTS: Readonly<Record<FaultName, Fault>> = TABLE;
