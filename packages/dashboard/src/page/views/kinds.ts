/** What a kind of event means in general, for whoever meets it the first time. */

import type { Told } from "@evertoken/telemetry/live";

interface Kind {
  readonly title: string;
  readonly explanation: string;
}

export const KINDS: Readonly<Record<Told["kind"], Kind>> = {
  rotated: {
    title: "Credentials rotated",
    explanation: "The source handed out newer credentials, and every request from here on is signed with them.",
  },
  "refresh-failed": {
    title: "A refresh failed",
    explanation:
      "The source was asked for credentials and gave none. Requests go on with those held, for as long as the big figure says; the source is asked again.",
  },
  "refresh-recovered": { title: "The source answers again", explanation: "Refreshes succeed; nothing more is needed." },
  rejected: {
    title: "A service refused the credentials",
    explanation:
      "It called them expired although by their own expiration they were not. They are not used again; others are fetched past every cache.",
  },
  replayed: {
    title: "A request was replayed",
    explanation:
      "The service refused stale credentials before it acted, so the same request was sent once more with other ones. Its caller noticed nothing.",
  },
  surfaced: {
    title: "An expired token reached a caller",
    explanation:
      "The service refused the credentials, and there were no others to send the request again with, or nobody who would have.",
  },
  ejected: {
    title: "A client was ejected",
    explanation: "It failed where the others did not, so it gets no requests for a while.",
  },
  "fault-started": { title: "A fault began", explanation: "The simulator misbehaves on purpose from here on." },
  "fault-ended": { title: "A fault ended", explanation: "The simulator behaves again in this respect." },
  state: { title: "The state changed", explanation: "How the credentials held are judged: by the time that is left." },
};
