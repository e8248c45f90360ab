/** A report: a process as it stood when it was written down. Nothing is asked of anybody. */

import type { Hello } from "@evertoken/telemetry/live";
import { useMemo } from "preact/hooks";
import { Observed } from "../live/observed.js";
import { ProcessPage } from "./process-page.js";

export interface Recorded {
  readonly hello: Hello;
}

/** @returns what is written into the page itself, if anything is. */
export function recordIn(page: Document): Recorded | undefined {
  const text = page.getElementById("record")?.textContent;
  return text === undefined || text === null ? undefined : (JSON.parse(text) as Recorded);
}

export function RecordPage({ hello }: Recorded) {
  const observed = useMemo(() => {
    const made = new Observed();
    made.begin(hello);
    return made;
  }, [hello]);
  return <ProcessPage observed={observed} status={{ severity: "note", text: "Report" }} isOld={false} />;
}
