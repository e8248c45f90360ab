/** The page of a process that is followed, in every state that the line to it can be in. */

import { useContext, useState } from "preact/hooks";
import type { Time } from "../browser-time.js";
import type { Connection } from "../live/feed.js";
import { type Live, useLive } from "../live/use-live.js";
import { Announcer } from "../ui/announcer.js";
import { Shown } from "../ui/preferences.js";
import { preciseClockFace, zoneName } from "../words/instants.js";
import { judge, type Severity } from "../words/survival.js";
import { laneTitle } from "./lane-title.js";
import { Notice } from "./notice.js";
import { ProcessPage } from "./process-page.js";
import { Retry } from "./retry.js";

const LIVE_URL = "./api/live";

export function LivePage({ time }: { readonly time: Time }) {
  const live = useLive(LIVE_URL, time);
  const { observed, connection } = live;
  const isLive = connection.kind === "live";
  return (
    <>
      <Announcer message={announcement(live)} time={time} />
      {observed.state === undefined ? (
        <Waiting connection={connection} time={time} onRetry={live.retry} />
      ) : (
        <ProcessPage observed={observed} status={statusOf(connection)} isOld={!isLive} />
      )}
      <Notices live={live} time={time} />
    </>
  );
}

function statusOf({ kind }: Connection): { severity: Severity; text: string } {
  if (kind === "live") return { severity: "good", text: "Live" };
  return kind === "connecting" ? { severity: "note", text: "Connecting" } : { severity: "error", text: "Disconnected" };
}

/** Says only what somebody who does not look must know; figures that change each second do not belong here. */
function announcement({ observed: { state }, connection }: Live): string {
  if (connection.kind === "waiting") return "Disconnected. The page tries again by itself.";
  if (state === undefined) return "";
  return state.lanes
    .map((lane) => {
      const { verdict } = judge(lane, state.now, "local");
      return state.lanes.length > 1 ? `${laneTitle(lane.name)}: ${verdict}.` : `${verdict}.`;
    })
    .join(" ");
}

interface WaitingProps {
  readonly connection: Connection;
  readonly time: Time;
  readonly onRetry: () => void;
}

/** Before anything was ever heard. */
function Waiting({ connection, time, onRetry }: WaitingProps) {
  const retryAt = connection.kind === "waiting" ? connection.retryAt : undefined;
  return (
    <main class="waiting">
      <h1>{retryAt === undefined ? "Connecting…" : "Nobody answers"}</h1>
      <p>
        {retryAt === undefined
          ? "Waiting for the first figures."
          : "The process that served this page does not answer. Is it still running?"}
      </p>
      {retryAt === undefined ? null : <Retry retryAt={retryAt} time={time} onRetry={onRetry} />}
    </main>
  );
}

function Notices({ live, time }: { readonly live: Live; readonly time: Time }) {
  const { zone } = useContext(Shown);
  const { observed, connection, heardAt, replacedAt, retry } = live;
  const [seenAt, setSeenAt] = useState<number | undefined>(undefined);
  if (observed.state === undefined) return null;
  if (connection.kind === "waiting" && heardAt !== undefined) {
    return (
      <Notice severity="error">
        <b>Disconnected.</b> What you see is of {preciseClockFace(heardAt, zone)} {zoneName(heardAt, zone)}.{" "}
        <Retry retryAt={connection.retryAt} time={time} onRetry={retry} />
      </Notice>
    );
  }
  if (replacedAt === undefined || replacedAt === seenAt) return null;
  return (
    <Notice severity="note" onDismiss={() => setSeenAt(replacedAt)}>
      <b>Another process answers now.</b> It was started anew; the page began anew with it at{" "}
      {preciseClockFace(replacedAt, zone)}.
    </Notice>
  );
}
