/** What every answer of a service carries, put on an answer that a fault gives in its place. */

import { element } from "../s3/xml.js";
import { type Answer, withBody } from "./answer.js";
import type { Asked } from "./asked.js";

export function addressed(
  answer: Answer,
  { service, method, key }: Asked,
  { number, now }: { readonly number: number; readonly now: number },
): { readonly answer: Answer; readonly requestId?: string } {
  const date = new Date(now).toUTCString();
  if (service !== "s3") {
    return { answer: { ...answer, headers: { date, server: "EC2ws", ...answer.headers } } };
  }
  const requestId = `FAULT${number.toString(36).toUpperCase().padStart(11, "0")}`;
  const hostId = `evertoken-simulator/${requestId}`;
  const more = element("Error", { Resource: `/${key}`, RequestId: requestId, HostId: hostId }).replace("<Error>", "");
  const identified = answer.body.toString().replace("</Error>", () => more);
  const whole = withBody(answer, identified);
  const headers = { "x-amz-request-id": requestId, "x-amz-id-2": hostId, date, server: "AmazonS3", ...whole.headers };
  return { answer: { ...whole, headers, body: method === "HEAD" ? Buffer.alloc(0) : whole.body }, requestId };
}
