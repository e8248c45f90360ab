/** The story of one event, in a dialog: what happened, what that means, and how it came to it from the beginning. */

import type { Told } from "@evertoken/telemetry/live";
import { useContext, useEffect, useId, useRef } from "preact/hooks";
import { SeverityIcon } from "../ui/icons.js";
import { Shown } from "../ui/preferences.js";
import { dayName, iso, preciseClockFace, zoneName } from "../words/instants.js";
import { KINDS } from "./kinds.js";
import { laneTitle } from "./lane-title.js";

export interface StoryProps {
  readonly event: Told;
  readonly onClose: () => void;
}

export function Story({ event, onClose }: StoryProps) {
  const { zone } = useContext(Shown);
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const { at, kind, lane, severity, text, story = [] } = event;
  const close = () => dialog.current?.close();
  // A click on the backdrop is one on the dialog itself; its content is within a box of its own.
  const onClick = (click: MouseEvent) => {
    if (click.target === dialog.current) close();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog class="story" ref={dialog} aria-labelledby={title} onClose={onClose} onClick={onClick}>
      <div class="story-box">
        <header>
          <SeverityIcon severity={severity} />
          <h2 id={title}>{KINDS[kind].title}</h2>
          <button type="button" class="plain" onClick={close}>
            Close
          </button>
        </header>
        <p class="aside">
          <time dateTime={iso(at)}>
            {dayName(at, zone)} {preciseClockFace(at, zone)} {zoneName(at, zone)}
          </time>
          {zone === "utc" ? "" : ` · ${preciseClockFace(at, "utc")} UTC`}
          {lane === undefined ? "" : ` · ${laneTitle(lane)}`}
        </p>
        <p class="story-text">{text}</p>
        <p>{KINDS[kind].explanation}</p>
        {story.length === 0 ? null : <h3>How it came to it</h3>}
        <ol class="story-lines">
          {story.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ol>
      </div>
    </dialog>
  );
}
