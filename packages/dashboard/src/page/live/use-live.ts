/** The observed process for a view: followed over the feed, shown at most once a frame, not at all while nobody looks. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Time } from "../browser-time.js";
import { type Connection, Feed } from "./feed.js";
import { Observed } from "./observed.js";

export interface Live {
  readonly observed: Observed;
  readonly connection: Connection;
  /** By the viewer's clock: when something was heard last. */
  readonly heardAt: number | undefined;
  /** By the viewer's clock: when another process took over. */
  readonly replacedAt: number | undefined;
  readonly retry: () => void;
}

interface Following {
  readonly observed: Observed;
  connection: Connection;
  heardAt: number | undefined;
  replacedAt: number | undefined;
}

export function useLive(url: string, time: Time): Live {
  const following = useRef<Following>({
    observed: new Observed(),
    connection: { kind: "connecting" },
    heardAt: undefined,
    replacedAt: undefined,
  });
  const feed = useRef<Feed | undefined>(undefined);
  const [, show] = useState(0);
  useEffect(() => {
    const it = following.current;
    let callOff: (() => void) | undefined;
    const changed = () => {
      callOff ??= time.atNextFrame(() => {
        callOff = undefined;
        show((times) => times + 1);
      });
    };
    const heard = () => {
      it.heardAt = time.now();
      changed();
    };
    feed.current = new Feed(url, time, {
      hello: (hello) => {
        if (it.observed.begin(hello)) it.replacedAt = time.now();
        heard();
      },
      tick: (tick) => {
        it.observed.tick(tick);
        heard();
      },
      told: (told) => {
        it.observed.tell([told]);
        heard();
      },
      connection: (connection) => {
        it.connection = connection;
        changed();
      },
    });
    return () => {
      feed.current?.close();
      callOff?.();
    };
  }, [url, time]);
  return { ...following.current, retry: () => feed.current?.retry() };
}
