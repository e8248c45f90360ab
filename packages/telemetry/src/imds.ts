/** The figures of requests to IMDS, made by a client of its own or by a Keeper's source. */

import type { ImdsEvents } from "@evertoken/imds";
import type { Instrumentation } from "./instruments.js";
import { imdsCategory, imdsStatus } from "./labels.js";

type Listen = (tell: (request: ImdsEvents["request"]) => void) => () => void;

/** @returns the way to stop. */
export function measureImds(listen: Listen, { meters, name: client }: Instrumentation): () => void {
  const { imdsRequests, imdsRequestDuration } = meters.instruments;
  let tokenExpiresAt: number | undefined;
  const stopListening = listen(({ path, status, failure, durationMs, sessionTokenExpiresAt }) => {
    tokenExpiresAt = sessionTokenExpiresAt;
    const category = imdsCategory(path);
    imdsRequests.add(1, { client, category, status: imdsStatus(status), error: failure ?? "none" });
    imdsRequestDuration.record(durationMs / 1000, { client, category });
  });
  const stopReading = meters.readGauges(["sessionTokenExpiration"], (tell) => {
    tell("sessionTokenExpiration", tokenExpiresAt === undefined ? undefined : tokenExpiresAt / 1000, { client });
  });
  return () => {
    stopListening();
    stopReading();
  };
}
