/**
 * Asks again and again while somebody looks: every quarter of a minute, more seldom while it fails, at once when the page is
 * looked at again. What was known stays on the page while it is asked anew.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Time } from "../browser-time.js";

const PACE_MS = 15_000;
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

export interface Asked<T> {
  readonly known: T | undefined;
  /** By the viewer's clock. */
  readonly at: number | undefined;
  readonly problem: string | undefined;
  readonly retryAt: number | undefined;
  readonly retry: () => void;
}

interface Standing<T> {
  readonly topic: string;
  readonly known: T | undefined;
  readonly at: number | undefined;
  readonly problem: string | undefined;
  readonly retryAt: number | undefined;
}

/** @param topic with another one, what was known is forgotten. */
export function useAsked<T>(topic: string, ask: (signal: AbortSignal) => Promise<T>, time: Time): Asked<T> {
  const nothing: Standing<T> = { topic, known: undefined, at: undefined, problem: undefined, retryAt: undefined };
  const [standing, setStanding] = useState(nothing);
  const [turn, setTurn] = useState(0);
  const newest = useRef(ask);
  newest.current = ask;
  // Another turn is a reason to begin anew.
  useEffect(() => {
    const stopped = new AbortController();
    let callOff = () => {};
    let failures = 0;
    let askedAt = Number.NEGATIVE_INFINITY;
    const next = async () => {
      callOff();
      if (document.visibilityState === "hidden") return;
      askedAt = time.now();
      try {
        const known = await newest.current(stopped.signal);
        failures = 0;
        setStanding({ topic, known, at: time.now(), problem: undefined, retryAt: undefined });
        callOff = time.after(PACE_MS, () => void next());
      } catch (error) {
        if (stopped.signal.aborted) return;
        const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.75 + 0.5 * time.random());
        failures += 1;
        const problem = error instanceof Error ? error.message : String(error);
        setStanding((before) => ({
          ...(before.topic === topic ? before : nothing),
          problem,
          retryAt: time.now() + pause,
        }));
        callOff = time.after(pause, () => void next());
      }
    };
    const wake = () => {
      if (document.visibilityState === "visible" && time.now() - askedAt >= PACE_MS) void next();
    };
    document.addEventListener("visibilitychange", wake);
    void next();
    return () => {
      document.removeEventListener("visibilitychange", wake);
      callOff();
      stopped.abort();
    };
  }, [topic, turn, time]);
  const shown = standing.topic === topic ? standing : nothing;
  return { ...shown, retry: () => setTurn((before) => before + 1) };
}
