/**
 * What happened, newest first. Rows are placed by transform, so that a new one on top shifts nothing that the browser
 * would have to lay out again, and whoever has the focus on one keeps it.
 */

import type { Told } from "@evertoken/telemetry/live";
import { useContext, useState } from "preact/hooks";
import { Choice } from "../ui/choice.js";
import { SeverityIcon } from "../ui/icons.js";
import { Shown } from "../ui/preferences.js";
import { dayName, iso, preciseClockFace } from "../words/instants.js";
import { laneTitle } from "./lane-title.js";
import { Story } from "./story.js";

type Filter = "all" | "trouble" | "errors";

export interface EventsProps {
  readonly told: readonly Told[];
  /** Whether events are told apart by lane. */
  readonly hasLanes: boolean;
}

export function Events({ told, hasLanes }: EventsProps) {
  const [filter, setFilter] = useState<Filter>("all");
  const [open, setOpen] = useState<Told | undefined>(undefined);
  const isTrouble = ({ severity }: Told) => severity === "warning" || severity === "error";
  const isError = ({ severity }: Told) => severity === "error";
  const chosen = filter === "all" ? told : told.filter(filter === "trouble" ? isTrouble : isError);
  return (
    <section class="events card" aria-label="Event history">
      <header>
        <h2>What happened</h2>
        <Choice
          label="Show"
          value={filter}
          onChoose={setFilter}
          options={[
            { value: "all", label: "All", count: told.length },
            { value: "trouble", label: "Warnings", count: told.filter(isTrouble).length },
            { value: "errors", label: "Errors", count: told.filter(isError).length },
          ]}
        />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scrolled event-scroll" tabIndex={0} aria-label="Events, newest first">
        {chosen.length === 0 ? (
          <p class="empty">{filter === "all" ? "Nothing has happened so far." : "None."}</p>
        ) : null}
        <ol class="event-list" style={{ "--rows": chosen.length }}>
          {chosen.toReversed().map((event, row) => (
            <Row key={event.id} event={event} row={row} hasLanes={hasLanes} onOpen={setOpen} />
          ))}
        </ol>
      </section>
      {open === undefined ? null : <Story event={open} onClose={() => setOpen(undefined)} />}
    </section>
  );
}

interface RowProps {
  readonly event: Told;
  readonly row: number;
  readonly hasLanes: boolean;
  readonly onOpen: (event: Told) => void;
}

function Row({ event, row, hasLanes, onOpen }: RowProps) {
  const { zone } = useContext(Shown);
  const { at, lane, severity, text, story } = event;
  return (
    <li class="event" style={{ "--row": row }}>
      <button type="button" onClick={() => onOpen(event)} aria-haspopup="dialog">
        <SeverityIcon severity={severity} />
        <span class="event-when">
          <time dateTime={iso(at)}>{preciseClockFace(at, zone)}</time>
          <span class="event-day">{dayName(at, zone)}</span>
        </span>
        <span class="event-text">
          {hasLanes && lane !== undefined ? <span class="tag">{laneTitle(lane)}</span> : null}
          {text}
        </span>
        <span class="event-more" aria-hidden="true">
          {story === undefined ? "" : "Story"}
        </span>
      </button>
    </li>
  );
}
