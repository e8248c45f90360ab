/** What a view shows of its questions to Prometheus: that they are asked, that nobody answers, when it tries again. */

import type { Time } from "../browser-time.js";
import { Notice } from "../views/notice.js";
import { Retry } from "../views/retry.js";
import { roughLength } from "../words/lengths.js";
import type { Asked } from "./use-asked.js";

export function statusOf({ known, problem }: Asked<unknown>): { severity: "good" | "note" | "error"; text: string } {
  if (problem !== undefined) return { severity: "error", text: "No answer" };
  return known === undefined ? { severity: "note", text: "Asking" } : { severity: "good", text: "Every 15 s" };
}

interface AskedProps {
  readonly asked: Asked<unknown>;
  readonly time: Time;
}

/** Before anything was ever answered. */
export function Unknown({ asked: { problem, retryAt, retry }, time }: AskedProps) {
  return (
    <div class="unknown">
      {problem === undefined ? (
        <p>Asking Prometheus…</p>
      ) : (
        <>
          <p>
            <b>No answer.</b> {problem}
          </p>
          {retryAt === undefined ? null : <Retry retryAt={retryAt} time={time} onRetry={retry} />}
        </>
      )}
    </div>
  );
}

/** Something was known before, and now nothing answers. */
export function Trouble({ asked: { known, problem, retryAt, retry, at }, time }: AskedProps) {
  if (problem === undefined || known === undefined || at === undefined) return null;
  return (
    <Notice severity="error">
      <b>No answer.</b> {problem} What you see is {roughLength(time.now() - at)} old.{" "}
      {retryAt === undefined ? null : <Retry retryAt={retryAt} time={time} onRetry={retry} />}
    </Notice>
  );
}
