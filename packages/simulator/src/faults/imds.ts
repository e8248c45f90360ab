/** Faults of IMDS alone: session tokens, and the role. */

import { withBody } from "../gate/answer.js";
import type { Asked } from "../gate/asked.js";
import type { Fault, Instead } from "./fault.js";

const IMDS = ["imds"] as const;

const asksForToken = ({ operation, method }: Asked) => operation === "token" && method === "PUT";
const asksOther = ({ operation }: Asked) => operation !== "token";
const asksForRole = ({ operation }: Asked) => /^(?:extended-)?(?:role-list|credentials)$|^info$/.test(operation);

function bare(status: number): Instead {
  return { answer: withBody({ status, headers: {}, body: Buffer.alloc(0) }, "") };
}

export const IMDS_FAULTS = {
  "imds-token-fails-once": {
    kind: "count",
    services: IMDS,
    does: "The next session-token request, or the next `count` of them, is answered 503.",
    act: () => ({ concerns: asksForToken, instead: () => bare(503) }),
  },
  "imds-token-unanswered": {
    kind: "period",
    services: IMDS,
    does: "Session-token requests get no answer, as beyond the hop limit of a container.",
    act: () => ({ concerns: asksForToken, instead: () => ({ connection: "silence" }) }),
  },
  "imds-token-empty": {
    kind: "period",
    services: IMDS,
    does: "Session-token requests are answered 200 with an empty token.",
    act: () => ({ concerns: asksForToken, instead: () => bare(200) }),
  },
  "imds-token-refused": {
    kind: "period",
    services: IMDS,
    does: "Session-token requests are refused with `status` (default 403): IMDSv2 looks switched off.",
    options: ["status"],
    act: ({ status = 403 }) => ({ concerns: asksForToken, instead: () => bare(status) }),
  },
  "imds-tokens-rejected": {
    kind: "period",
    services: IMDS,
    does: "Everything but session-token requests is answered 401 with an empty body, however good the session token.",
    act: () => ({ concerns: asksOther, instead: () => bare(401) }),
  },
  "session-tokens-forgotten": {
    kind: "instant",
    does: "IMDS no longer knows the session tokens it granted.",
    act: (_, { world }) => ({ began: () => world.forgetSessionTokens() }),
  },
  "imds-throttled": {
    kind: "period",
    services: IMDS,
    options: ["perSecond"],
    does: "What exceeds `perSecond` (default 10) requests in a second of real time, of all clients together, is answered 503.",
    act: ({ perSecond = 10 }, { clock }) => {
      let second = Number.NEGATIVE_INFINITY;
      let requests = 0;
      return {
        concerns() {
          const now = clock.network.monotonic();
          if (now - second >= 1000) {
            second = now;
            requests = 0;
          }
          requests += 1;
          return requests > perSecond;
        },
        instead: () => bare(503),
      };
    },
  },
  "role-detached": {
    kind: "period",
    services: IMDS,
    does: "The instance looks as if it had no role: its list, its credentials and `iam/info` are answered 404.",
    act: () => ({ concerns: asksForRole, instead: () => bare(404) }),
  },
} as const satisfies Record<string, Fault>;
