/**
 * What a screen reader says by itself: that things got worse, or the line broke. At most once in ten seconds, and then only
 * the newest, because a region that chatters gets switched off.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Time } from "../browser-time.js";

const PAUSE_MS = 10_000;

export function Announcer({ message, time }: { readonly message: string; readonly time: Time }) {
  const [said, setSaid] = useState("");
  const saidAt = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (message === "") return;
    const wait = Math.max(0, saidAt.current + PAUSE_MS - time.now());
    return time.after(wait, () => {
      saidAt.current = time.now();
      setSaid(message);
    });
  }, [message, time]);
  return (
    <p class="unseen" role="status">
      {said}
    </p>
  );
}
