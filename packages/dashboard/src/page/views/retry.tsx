/** When the page tries again by itself, and a button for those who do not want to wait. */

import { useEffect, useState } from "preact/hooks";
import type { Time } from "../browser-time.js";
import { roughLength } from "../words/lengths.js";

export interface RetryProps {
  readonly retryAt: number;
  readonly time: Time;
  readonly onRetry: () => void;
}

export function Retry({ retryAt, time, onRetry }: RetryProps) {
  const [now, setNow] = useState(() => time.now());
  useEffect(() => time.every(500, () => setNow(time.now())), [time]);
  return (
    <span class="retry">
      <span class="retry-in">Trying again in {roughLength(Math.max(0, retryAt - now))}.</span>{" "}
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </span>
  );
}
