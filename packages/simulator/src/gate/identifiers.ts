/** What every answer of a service carries, put on an answer that a fault gives in its place. */

import { element } from "../s3/xml.js";
import { type Answer, withBody } from "./answer.js";
import type { Asked } from "./asked.js";

interface Addressed {
  readonly answer: Answer;
  readonly requestId?: string;
}

export function addressed(
  answer: Answer,
  asked: Asked,
  { number, now }: { readonly number: number; readonly now: number },
): Addressed {
  const dated = { ...answer, headers: { date: new Date(now).toUTCString(), ...answer.headers } };
  switch (asked.service) {
    case "s3":
      return ofS3(dated, asked, `FAULT${number.toString(36).toUpperCase().padStart(11, "0")}`);
    case "sts":
      return ofSts(dated, `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`);
    case "imds":
      return { answer: { ...dated, headers: { server: "EC2ws", ...dated.headers } } };
    case "container":
      return { answer: dated };
  }
}

function ofS3(answer: Answer, { method, key }: Asked, requestId: string): Addressed {
  const hostId = `evertoken-simulator/${requestId}`;
  const more = element("Error", { Resource: `/${key}`, RequestId: requestId, HostId: hostId }).replace("<Error>", "");
  const whole = withBody(
    answer,
    answer.body.toString().replace("</Error>", () => more),
  );
  const headers = { "x-amz-request-id": requestId, "x-amz-id-2": hostId, server: "AmazonS3", ...whole.headers };
  return { answer: { ...whole, headers, body: method === "HEAD" ? Buffer.alloc(0) : whole.body }, requestId };
}

function ofSts(answer: Answer, requestId: string): Addressed {
  const end = "</ErrorResponse>";
  const whole = withBody(answer, answer.body.toString().replace(end, `<RequestId>${requestId}</RequestId>${end}`));
  return { answer: { ...whole, headers: { "x-amzn-requestid": requestId, ...whole.headers } }, requestId };
}
