/** The output of a success, by the SDK's own deserializer. */

import type { S3Client } from "@aws-sdk/client-s3";
import { HttpResponse } from "@smithy/core/protocols";
import { operation as operationSchema } from "@smithy/core/schema";
import type { MetadataBearer, SdkStream } from "@smithy/types";
import { Download } from "./download.js";
import type { Operation } from "./operations.js";
import { makeReadableAsWhole } from "./whole-body.js";
import type { Answer } from "./wire.js";

/** @throws what the SDK throws for an answer that it cannot read. */
export type Deserialize = (answer: Answer, config: S3Client["config"]) => Promise<MetadataBearer>;

/** What the SDK's types make of it cannot be called: they join those of old and new protocols. */
interface Protocol {
  deserializeResponse(operation: object, context: object, response: HttpResponse): Promise<MetadataBearer>;
}

export function deserializer({ schema }: Operation): Deserialize {
  const [, namespace, name, traits, input, output] = schema;
  const ofOperation = operationSchema(namespace, name, traits as never, input as never, output as never);
  return ({ statusCode, headers, body }, config) => {
    const response = new HttpResponse({ statusCode, headers: flat(headers), body });
    if (response.headers.expires !== undefined) response.headers.expiresstring = response.headers.expires;
    const reading = (config.protocol as Protocol).deserializeResponse(ofOperation, config, response);
    if (!(body instanceof Download)) return reading;
    return reading.then((output) => {
      makeReadableAsWhole(body as SdkStream<Download>);
      return output;
    });
  };
}

function flat(headers: Answer["headers"]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return result;
}
