/** A word at the lower edge, over the page: it comes and goes without moving anything. */

import type { ComponentChildren } from "preact";
import { SeverityIcon } from "../ui/icons.js";
import type { Severity } from "../words/survival.js";

export interface NoticeProps {
  readonly severity: Severity;
  readonly children: ComponentChildren;
  readonly onDismiss?: () => void;
}

export function Notice({ severity, children, onDismiss }: NoticeProps) {
  return (
    <aside class={`notice of-${severity}`} aria-label="Notice">
      <SeverityIcon severity={severity} />
      <p>{children}</p>
      {onDismiss === undefined ? null : (
        <button type="button" class="plain" onClick={onDismiss}>
          Dismiss
        </button>
      )}
    </aside>
  );
}
