/** What a request asks, in the words by which faults are aimed and the journal is read: from its head, and for STS from its form. */

import type { IncomingMessage } from "node:http";
import { operationOf as containerOperationOf } from "../container/service.js";
import { operationOf as imdsOperationOf } from "../imds-service.js";
import { operationOf as s3OperationOf } from "../s3/operations.js";
import { targetOf } from "../s3/request.js";
import type { Service } from "../services.js";

export interface Asked {
  readonly service: Service;
  /** The label of the endpoint that was used. */
  readonly client: string;
  readonly method: string;
  /** In the service's words: `token`, `credentials`, `PutObject`, … */
  readonly operation: string;
  /** IMDS: the path without its version, `meta-data/placement/region`. Elsewhere the path without its first slash. */
  readonly category: string;
  /** S3: `bucket/key`, decoded. Empty elsewhere. */
  readonly key: string;
  /** Whose signature it claims to carry. */
  readonly accessKeyId?: string;
}

type Described = Pick<Asked, "operation" | "key" | "category">;

const DESCRIBE: Readonly<Record<Service, (incoming: IncomingMessage, path: string, form: string) => Described>> = {
  imds: (_, path) => ({ operation: imdsOperationOf(path), category: path.replace(/^\/[^/]*\/?/, ""), key: "" }),
  container: (_, path) => ({ operation: containerOperationOf(path), category: path.slice(1), key: "" }),
  sts: ({ url = "" }, path, form) => ({
    operation: new URLSearchParams(form || url.slice(path.length)).get("Action") ?? "Unknown",
    category: path.slice(1),
    key: "",
  }),
  s3(incoming, path) {
    const category = path.slice(1);
    try {
      const target = targetOf(incoming);
      const operation = s3OperationOf(target, incoming.headers["x-amz-copy-source"] !== undefined);
      return { operation, category, key: [target.bucket ?? "", target.key ?? ""].join("/") };
    } catch {
      // An address that S3 cannot read: the service itself will say so.
      return { operation: "Unknown", category, key: "" };
    }
  },
};

/** The claim stands in the header of a signed request, or in the address of a presigned one. */
const CLAIM = /Credential=([A-Z0-9]+)(?:\/|%2F)/i;

/** @param form the body, of a service whose requests are forms. */
export function askedOf(service: Service, client: string, incoming: IncomingMessage, form = ""): Asked {
  const { method = "", url = "" } = incoming;
  const [path = ""] = url.split("?", 1);
  const accessKeyId = CLAIM.exec(incoming.headers.authorization ?? url)?.[1];
  return {
    service,
    client,
    method,
    ...DESCRIBE[service](incoming, path, form),
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
  };
}
