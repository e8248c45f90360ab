/**
 * Clock skew: how far this host's wall clock is behind (+) or ahead (−) of a service's, measured from the `Date` header
 * of an answer. The header has whole seconds and was written at some moment between sending and receiving, so what
 * lies within that uncertainty counts as no skew.
 */

/** The skew in milliseconds: add it to `now()` to get the service's time. Undefined when there is nothing to measure. */
export function measureSkew(dateHeader: string | undefined, sentAt: number, receivedAt: number): number | undefined {
  const serviceTime = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(serviceTime)) return undefined;
  // The header is cut down to its second: on average the service's clock stood half a second later.
  const offset = serviceTime + 500 - (sentAt + receivedAt) / 2;
  const uncertainty = 500 + Math.abs(receivedAt - sentAt) / 2;
  return Math.abs(offset) <= uncertainty ? 0 : offset;
}
