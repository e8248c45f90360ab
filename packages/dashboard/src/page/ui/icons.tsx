/** Severities as shapes, so that nobody needs to tell colours apart. */

import type { Severity } from "../words/survival.js";

const PATHS: Readonly<Record<Severity, string>> = {
  good: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm3.3 4.7-4 4.4a.8.8 0 0 1-1.2 0L4.6 9a.8.8 0 1 1 1.2-1.1l.9 1 3.4-3.8a.8.8 0 1 1 1.2 1.1Z",
  note: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm0 2.7a.95.95 0 1 1 0 1.9.95.95 0 0 1 0-1.9Zm.8 7a.8.8 0 0 1-1.6 0V7.7a.8.8 0 0 1 1.6 0v3.5Z",
  warning:
    "M7.1 2a1 1 0 0 1 1.8 0l5.6 10.6a1 1 0 0 1-.9 1.5H2.4a1 1 0 0 1-.9-1.5L7.1 2ZM8 5.2a.8.8 0 0 0-.8.8v3a.8.8 0 0 0 1.6 0V6a.8.8 0 0 0-.8-.8Zm0 5.4a.9.9 0 1 0 0 1.8.9.9 0 0 0 0-1.8Z",
  error:
    "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3l3.8-3.8Zm.9 3.6a.8.8 0 0 0-1.1 1.1L6.9 8 5.1 9.8a.8.8 0 1 0 1.1 1.1L8 9.1l1.8 1.8a.8.8 0 1 0 1.1-1.1L9.1 8l1.8-1.8a.8.8 0 1 0-1.1-1.1L8 6.9 6.2 5.1Z",
};

const NAMES: Readonly<Record<Severity, string>> = { good: "good", note: "note", warning: "warning", error: "error" };

export function SeverityIcon({ severity }: { readonly severity: Severity }) {
  return (
    <svg
      class={`icon is-${severity}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      role="img"
      aria-label={NAMES[severity]}
    >
      <path d={PATHS[severity]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}
