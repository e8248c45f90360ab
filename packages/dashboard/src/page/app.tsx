/** Which page it is (a report, one process, a fleet), and how it looks. */

import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import type { Time } from "./browser-time.js";
import { FleetPage } from "./fleet/fleet-page.js";
import { applyTheme, DARK, type Preferences, remember, remembered, Shown } from "./ui/preferences.js";
import { Look } from "./views/header.js";
import { LivePage } from "./views/live-page.js";
import { type Recorded, RecordPage } from "./views/record-page.js";
import { Retry } from "./views/retry.js";
import { zoneName } from "./words/instants.js";

export interface AppProps {
  readonly time: Time;
  readonly record: Recorded | undefined;
}

export function App({ time, record }: AppProps) {
  const [preferences, setPreferences] = useState(remembered);
  const [isDark, setDark] = useState(() => applyTheme(preferences.theme));
  // Before the next frame: nobody should see the old colours once more.
  useLayoutEffect(() => {
    const follow = () => setDark(applyTheme(preferences.theme));
    follow();
    const scheme = matchMedia(DARK);
    scheme.addEventListener("change", follow);
    return () => scheme.removeEventListener("change", follow);
  }, [preferences.theme]);
  const prefer = (change: Partial<Preferences>) => {
    const changed = { ...preferences, ...change };
    remember(changed);
    setPreferences(changed);
  };
  const shown = useMemo(() => ({ ...preferences, isDark }), [preferences, isDark]);
  const localZone = zoneName(record?.hello.state.now ?? time.now(), "local");
  return (
    <Shown.Provider value={shown}>
      {record === undefined ? <Served time={time} /> : <RecordPage hello={record.hello} />}
      <Look onTheme={(theme) => prefer({ theme })} onZone={(zone) => prefer({ zone })} localZone={localZone} />
    </Shown.Provider>
  );
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

type Mode = "host" | "fleet";

/** Asks who serves the page, until it is told. */
function Served({ time }: { readonly time: Time }) {
  const [mode, setMode] = useState<Mode | undefined>(undefined);
  const [failures, setFailures] = useState(0);
  const [retryAt, setRetryAt] = useState<number | undefined>(undefined);
  useEffect(() => {
    const stopped = new AbortController();
    let callOff = () => {};
    askMode(stopped.signal).then(setMode, () => {
      if (stopped.signal.aborted) return;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.75 + 0.5 * time.random());
      setRetryAt(time.now() + pause);
      callOff = time.after(pause, () => setFailures(failures + 1));
    });
    return () => {
      stopped.abort();
      callOff();
    };
  }, [failures, time]);
  if (mode === "host") return <LivePage time={time} />;
  if (mode === "fleet") return <FleetPage time={time} />;
  return (
    <main class="waiting">
      <h1>{retryAt === undefined ? "Loading…" : "Nobody answers"}</h1>
      {retryAt === undefined ? null : (
        <>
          <p>The server of this page does not say what it serves. Is it still running?</p>
          <Retry retryAt={retryAt} time={time} onRetry={() => setFailures(failures + 1)} />
        </>
      )}
    </main>
  );
}

async function askMode(signal: AbortSignal): Promise<Mode> {
  const answer = await fetch("./api/mode", { signal });
  const { mode } = (await answer.json()) as { mode?: unknown };
  if (mode !== "host" && mode !== "fleet") throw new Error(`an unknown mode: ${String(mode)}`);
  return mode;
}
