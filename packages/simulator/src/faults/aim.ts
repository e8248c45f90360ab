/** Whether a fault strikes a request: aimed by what is asked, then by number and by chance. */

import type { Random } from "@evertoken/core";
import type { Asked } from "../gate/asked.js";
import type { FaultSelector } from "./fault.js";

/** @returns a function that is to be asked once for each request that the fault could strike: it counts them. */
export function aim(where: FaultSelector, random: Random): (asked: Asked) => boolean {
  let met = 0;
  return (asked) => {
    if (!isMeant(where, asked)) return false;
    met += 1;
    if (where.nth !== undefined && met !== where.nth) return false;
    if (where.every !== undefined && met % where.every !== 0) return false;
    return where.probability === undefined || random() < where.probability;
  };
}

function isMeant({ operation, category = "", client, keyPrefix = "" }: FaultSelector, asked: Asked): boolean {
  return (
    (operation === undefined || asked.operation === operation) &&
    (client === undefined || asked.client === client) &&
    asked.category.startsWith(category) &&
    asked.key.startsWith(keyPrefix)
  );
}
