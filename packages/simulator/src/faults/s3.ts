/** Faults of S3 alone: refusals, its clock, and answers that are not what was asked for. */

import { createHash } from "node:crypto";
import type { Asked } from "../gate/asked.js";
import type { Fault, Instead } from "./fault.js";
import { type RefusalCode, s3Refusal } from "./s3-refusal.js";

const S3 = ["s3"] as const;

/** Beyond the 15 minutes that S3 allows. */
const DEFAULT_SHIFT_SECONDS = 1800;

function refuses(code: RefusalCode, beforeBody = false): Instead {
  const more = code === "ExpiredToken" ? { "Token-0": "(not shown)" } : {};
  return { answer: s3Refusal(code, more), reason: code, beforeBody };
}

const hasBody = ({ method }: Asked) => method === "PUT" || method === "POST";
const reads = ({ operation }: Asked) => operation === "GetObject";

/** Operations that S3 begins to answer before it knows how they end. */
const ANSWERED_EARLY = new Set(["CopyObject", "CompleteMultipartUpload", "UploadPartCopy"]);

export const S3_FAULTS = {
  "s3-expired-token": {
    kind: "period",
    services: S3,
    does: "S3 answers ExpiredToken, however good the credentials.",
    act: () => ({ instead: () => refuses("ExpiredToken") }),
  },
  "s3-token-refresh-required": {
    kind: "period",
    services: S3,
    does: "S3 answers TokenRefreshRequired.",
    act: () => ({ instead: () => refuses("TokenRefreshRequired") }),
  },
  "s3-access-denied": {
    kind: "period",
    services: S3,
    does: "S3 answers AccessDenied, as when a policy has changed.",
    act: () => ({ instead: () => refuses("AccessDenied") }),
  },
  "s3-slow-down": {
    kind: "period",
    services: S3,
    does: "S3 answers 503 SlowDown when it has read the request.",
    act: () => ({ instead: () => refuses("SlowDown") }),
  },
  "s3-refuses-early": {
    kind: "period",
    services: S3,
    does: "S3 answers 503 SlowDown before it has read the body, and closes the connection.",
    act: () => ({ concerns: hasBody, instead: () => refuses("SlowDown", true) }),
  },
  "s3-request-timeout": {
    kind: "period",
    services: S3,
    does: "S3 answers 400 RequestTimeout, as when a body came too slowly.",
    act: () => ({ concerns: hasBody, instead: () => refuses("RequestTimeout") }),
  },
  "s3-cuts-uploads": {
    kind: "period",
    services: S3,
    does: "S3 cuts the connection when half of the body has come.",
    act: () => ({ concerns: hasBody, instead: () => ({ connection: "cut-in-body" }) }),
  },
  "s3-answer-lost": {
    kind: "period",
    services: S3,
    does: "S3 does what it is asked and cuts the connection instead of answering.",
    act: () => ({ delivery: { cutAt: 0 } }),
  },
  "s3-error-inside-200": {
    kind: "period",
    services: S3,
    does: "Copies and completed uploads are answered 200 with an InternalError in the body, and not done.",
    act: () => ({
      concerns: ({ operation }) => ANSWERED_EARLY.has(operation),
      instead: () => ({ answer: s3Refusal("InternalError", { status: 200 }), reason: "InternalError" }),
    }),
  },
  "s3-wrong-etag": {
    kind: "period",
    services: S3,
    does: "The ETag in S3's answers is that of something else.",
    act: () => ({
      rewrite(answer) {
        const { etag } = answer.headers;
        if (etag === undefined) return answer;
        const wrong = createHash("md5").update(etag).digest("hex");
        return { ...answer, headers: { ...answer.headers, etag: `"${wrong}"` } };
      },
    }),
  },
  "s3-corrupts-downloads": {
    kind: "period",
    services: S3,
    does: "One byte of each object that is read is another one.",
    act: () => ({
      concerns: reads,
      rewrite(answer) {
        if (answer.status >= 300 || answer.body.length === 0) return answer;
        const body = Buffer.from(answer.body);
        const middle = Math.floor(body.length / 2);
        body[middle] = (body[middle] ?? 0) ^ 1;
        return { ...answer, body };
      },
    }),
  },
  "s3-clock-ahead": {
    kind: "period",
    options: ["seconds"],
    does: `S3's clock is \`seconds\` (default ${DEFAULT_SHIFT_SECONDS}) ahead of everybody else's.`,
    act: ({ seconds = DEFAULT_SHIFT_SECONDS }, { world }) => ({
      began: () => world.shiftS3Clock(seconds * 1000),
      ended: () => world.shiftS3Clock(-seconds * 1000),
    }),
  },
  "s3-clock-behind": {
    kind: "period",
    options: ["seconds"],
    does: `S3's clock is \`seconds\` (default ${DEFAULT_SHIFT_SECONDS}) behind everybody else's.`,
    act: ({ seconds = DEFAULT_SHIFT_SECONDS }, { world }) => ({
      began: () => world.shiftS3Clock(-seconds * 1000),
      ended: () => world.shiftS3Clock(seconds * 1000),
    }),
  },
} as const satisfies Record<string, Fault>;
