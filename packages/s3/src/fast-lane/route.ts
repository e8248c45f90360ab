/**
 * Learning from the SDK what is the same for all requests of one operation to one bucket: endpoint, addressing, region,
 * user agent, defaults. One dry run of the SDK's own client makes a signed request that is never sent; the fast lane then
 * makes the same request by itself, and only if the two are equal to the last letter, signature included, does it take
 * requests to that bucket. So every quirk of the configuration and of the SDK in use is either the same or left to the SDK.
 */

import type { S3Client } from "@aws-sdk/client-s3";
import type { Identity } from "@evertoken/credentials";
import type { HttpRequest } from "@smithy/types";
import type { Diversion } from "./diversion.js";
import type { COMPUTED, Plan } from "./plan.js";
import { encode, readInput } from "./reading.js";
import { Signer } from "./signature.js";
import { addChecksum, missingChecksum, type SignedRequest, signRequest, type Template } from "./signed-request.js";

/** Headers whose value is taken from the dry run. */
const LEARNED = [
  "amz-sdk-request",
  "content-type",
  "host",
  "user-agent",
  "x-amz-checksum-mode",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-user-agent",
] as const satisfies readonly (typeof COMPUTED)[number][];

/** Where there is no body, its checksum is the same in each request. */
const OF_NOTHING = "x-amz-checksum-crc32" as const satisfies (typeof COMPUTED)[number];

/** Thrown at the end of the SDK's middleware, where the request would have been sent. */
class DryRunEnds extends Error {
  readonly request: HttpRequest;

  constructor(request: HttpRequest) {
    super("dry run: not sent");
    this.request = request;
  }
}

export interface Learner {
  readonly client: S3Client;
  /** The client's own `send`, past the fast lane. */
  readonly sendBySdk: (command: object) => Promise<unknown>;
  /** The credentials of now. */
  readonly identity: () => Promise<Identity>;
}

/**
 * @returns why not, when requests to this bucket are not for the fast lane.
 */
export async function learnTemplate(
  plan: Plan,
  { client, sendBySdk, identity }: Learner,
  bucket: string,
): Promise<Template | Diversion> {
  const { mode } = (await client.config.retryStrategy()) as { mode?: string };
  if (mode !== "standard") return "retry-mode";
  const request = await dryRun(plan, sendBySdk, bucket);
  if (request === undefined) return "endpoint";
  const template = templateOf(plan, request);
  if (template === undefined) return "sdk-differs";
  const held = await identity();
  // A rotation came between: nothing can be said, the next request learns anew.
  if (!request.headers.authorization?.includes(`Credential=${held.accessKeyId}/`)) return "endpoint";
  return (await isWhatTheSdkMakes(plan, template, bucket, request, held)) ? template : "sdk-differs";
}

async function dryRun(
  { operation }: Plan,
  sendBySdk: Learner["sendBySdk"],
  bucket: string,
): Promise<HttpRequest | undefined> {
  const command = new operation.command({ Bucket: bucket, ...operation.sample } as never);
  const { middlewareStack } = command as { middlewareStack: S3Client["middlewareStack"] };
  middlewareStack.add(
    () => async (args) => {
      throw new DryRunEnds(args.request as HttpRequest);
    },
    { name: "evertokenDryRunMiddleware", step: "deserialize", priority: "low" },
  );
  try {
    await sendBySdk(command);
  } catch (error) {
    if (error instanceof DryRunEnds) return error.request;
  }
  return undefined;
}

function templateOf(plan: Plan, { protocol, hostname, port, path, headers }: HttpRequest): Template | undefined {
  const scope = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(
    headers.authorization ?? "",
  );
  const sampleKey = sampleReading(plan, "sample")?.key;
  if (scope?.[1] === undefined || scope[2] === undefined || sampleKey === undefined || !path.endsWith(sampleKey)) {
    return undefined;
  }
  return {
    origin: `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`,
    pathBefore: path.slice(0, path.length - sampleKey.length),
    defaults: (plan.takesBody ? LEARNED : [...LEARNED, OF_NOTHING]).flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[plan.indexOf[name], value] as const];
    }),
    signer: new Signer({ region: scope[1], service: scope[2] }),
  };
}

function sampleReading(plan: Plan, bucket: string) {
  const reading = readInput(plan, { Bucket: bucket, ...plan.operation.sample });
  return typeof reading === "string" ? undefined : reading;
}

async function isWhatTheSdkMakes(
  plan: Plan,
  template: Template,
  bucket: string,
  { method, path, query, headers }: HttpRequest,
  identity: Identity,
): Promise<boolean> {
  const reading = sampleReading(plan, bucket);
  if (reading === undefined) return false;
  const algorithm = missingChecksum(plan, template, reading);
  if (algorithm === "unknown") return false;
  if (algorithm !== undefined) await addChecksum(plan, reading, algorithm);
  const invocationId = headers["amz-sdk-invocation-id"] ?? "";
  const now = Date.parse((headers["x-amz-date"] ?? "").replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
  const ours = signRequest(plan, template, reading, { identity, now, invocationId });
  return ours.method === method && ours.path === withQuery(path, query) && haveSameHeaders(ours, headers);
}

function withQuery(path: string, query: HttpRequest["query"]): string {
  const names = Object.keys(query ?? {}).sort();
  const pairs = names.map((name) => `${name}=${encode(String(query?.[name]))}`);
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}

function haveSameHeaders({ headers: ours }: SignedRequest, theirs: HttpRequest["headers"]): boolean {
  const left = new Map(Object.entries(theirs).map(([name, value]) => [name.toLowerCase(), value]));
  // The connection's business, and undici leaves it out: it is for handlers that can wait for the answer to it.
  left.delete("expect");
  for (let index = 0; index < ours.length; index += 2) {
    const name = ours[index] as string;
    if (left.get(name) !== ours[index + 1]) return false;
    left.delete(name);
  }
  return left.size === 0;
}
