/**
 * POST: an upload from a form in a web page, which carries a policy that somebody with credentials has signed.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Authentication } from "./authentication.js";
import { RequestBody, receive } from "./body.js";
import { assertKey } from "./buckets.js";
import { checksumHeaders, DEFAULT_ALGORITHM, isBase64, newDigest, statedChecksum } from "./checksums.js";
import { Content, type Stage } from "./content.js";
import { describedBy } from "./description.js";
import { S3Error } from "./errors.js";
import { HmacKey } from "./hmac-key.js";
import { type FormFile, MultipartForm } from "./multipart-form.js";
import { encryption } from "./objects.js";
import { type FormPolicy, policyOf } from "./policy.js";
import { type S3Answer, S3Request, type Target } from "./request.js";
import type { Bucket, Store } from "./store.js";
import { tagsIn } from "./tagging.js";
import { document } from "./xml.js";

export interface FormPlace {
  readonly store: Store;
  readonly bucket: Bucket;
  readonly target: Target;
  readonly authentication: Authentication;
  readonly now: () => number;
  /** Told whose credentials are said to have signed the policy. */
  readonly signedBy: (accessKeyId: string) => void;
}

/** Stands in a key for the name that the file had at its sender's. */
const FILE_NAME = /\$\{filename\}/g;

/** Fields that go along without the policy speaking of them. */
const FREE_FIELDS = /^(?:policy|file|x-amz-signature|awsaccesskeyid|signature|x-ignore-.*)$/;

/** @throws S3Error for a form that does not hold what its policy demands. */
export async function postObject(incoming: IncomingMessage, place: FormPlace): Promise<S3Answer> {
  const { store, bucket, now } = place;
  const md5 = createHash("md5");
  const digest = newDigest(DEFAULT_ALGORITHM);
  let stage: Stage | undefined;
  let upload: Upload | undefined;
  let size = 0;
  const form = new MultipartForm(
    incoming.headers["content-type"],
    (file) => {
      upload = judged(form.fields, file, incoming, place);
      stage = store.stage();
    },
    (data) => {
      size += data.length;
      const most = upload?.policy.mostBytes ?? store.mostBodyBytes;
      if (size > Math.min(most, store.mostBodyBytes)) {
        throw new S3Error("EntityTooLarge", { ProposedSize: String(size), MaxSizeAllowed: String(most) });
      }
      md5.update(data);
      digest.update(data);
      upload?.other?.digest.update(data);
      return stage?.write(data);
    },
  );
  try {
    await receive(incoming, (chunk) => form.push(chunk));
    form.end();
    if (upload === undefined || stage === undefined) throw new S3Error("MalformedPOSTRequest");
    const { policy, key, request, other, contentMd5 } = upload;
    if (size < policy.leastBytes) {
      throw new S3Error("EntityTooSmall", { ProposedSize: String(size), MinSizeAllowed: String(policy.leastBytes) });
    }
    const computed = md5.digest();
    if (contentMd5 !== undefined && contentMd5 !== computed.toString("base64")) {
      throw new S3Error("BadDigest", {
        message: "The Content-MD5 you specified did not match what we received.",
        ExpectedDigest: contentMd5,
        CalculatedDigest: computed.toString("base64"),
      });
    }
    if (other !== undefined && other.digest.digest().toString("base64") !== other.stated.value) {
      throw new S3Error("BadDigest", {
        message: `The ${other.stated.algorithm} you specified did not match the calculated checksum.`,
      });
    }
    const ofWhole = {
      algorithm: DEFAULT_ALGORITHM,
      value: digest.digest().toString("base64"),
      type: "FULL_OBJECT",
    } as const;
    const object = {
      ...describedBy(request),
      content: new Content([await stage.finish()]),
      etag: `"${computed.toString("hex")}"`,
      modifiedAt: now(),
      checksum: other?.stated ?? ofWhole,
      parts: undefined,
    };
    stage = undefined;
    await bucket.put(key, object);
    return answered(upload, bucket, object.etag, checksumHeaders(object.checksum));
  } catch (error) {
    stage?.discard();
    throw error;
  }
}

interface Upload {
  readonly key: string;
  readonly policy: FormPolicy;
  readonly fields: ReadonlyMap<string, string>;
  /** The fields in the place of headers. */
  readonly request: S3Request;
  readonly contentMd5: string | undefined;
  readonly other:
    | { readonly stated: NonNullable<ReturnType<typeof statedChecksum>>; readonly digest: ReturnType<typeof newDigest> }
    | undefined;
}

/** Everything about a form but the bytes of its file. */
function judged(
  fields: ReadonlyMap<string, string>,
  file: FormFile,
  incoming: IncomingMessage,
  { authentication, now, bucket, target, signedBy }: FormPlace,
): Upload {
  const text = fields.get("policy");
  // A form without a policy is anonymous, and nothing here is open to everybody.
  if (text === undefined) throw new S3Error("AccessDenied", { reason: "a form without a policy" });
  signedBy(fields.get("x-amz-credential")?.split("/")[0] ?? "");
  authentication.authenticateForm(fields, text);
  const template = fields.get("key");
  if (template === undefined) {
    throw new S3Error("InvalidArgument", {
      message:
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      ArgumentName: "key",
    });
  }
  const key = template.replaceAll(FILE_NAME, () => file.name);
  if (key === "")
    throw new S3Error("InvalidArgument", {
      message: "User key must have a length greater than 0.",
      ArgumentName: "key",
    });
  assertKey(key);
  const policy = policyOf(text);
  const told = new Map([...fields, ["bucket", bucket.name], ["key", key]]);
  policy.check(told, now(), (name) => FREE_FIELDS.test(name));
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of fields) if (/^[a-z0-9-]+$/.test(name)) headers[name] = headerValue(name, value);
  headers["content-type"] ??= file.contentType ?? "binary/octet-stream";
  if (fields.get("acl") !== undefined) headers["x-amz-acl"] = fields.get("acl") ?? "";
  const tagging = fields.get("tagging");
  if (tagging !== undefined) headers["x-amz-tagging"] = new URLSearchParams({ ...tagsIn(tagging) }).toString();
  const authenticated = {
    payloadHash: "UNSIGNED-PAYLOAD",
    seedSignature: "",
    context: { key: new HmacKey(Buffer.alloc(0)), timestamp: "", scope: "" },
  };
  const request = new S3Request(target, headers, new RequestBody(incoming, headers, authenticated, () => {}));
  describedBy(request);
  const contentMd5 = request.header("content-md5");
  if (contentMd5 !== undefined && !isBase64(contentMd5, 16))
    throw new S3Error("InvalidDigest", { "Content-MD5": contentMd5 });
  const stated = statedChecksum(headers);
  return { key, policy, fields, request, contentMd5, other: stated && { stated, digest: newDigest(stated.algorithm) } };
}

/** The bytes of a field as they would travel in a header. */
function headerValue(name: string, value: string): string {
  const text = Buffer.from(value).toString("latin1");
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return text;
  throw new S3Error("InvalidArgument", { message: "Header value cannot hold control characters.", ArgumentName: name });
}

function answered(
  { key, fields }: Upload,
  bucket: Bucket,
  etag: string,
  checksum: Readonly<Record<string, string>>,
): S3Answer {
  const location = `/${bucket.name}/${encodeURIComponent(key)}`;
  const headers = { ...encryption, ...checksum, etag, location };
  const redirect = fields.get("success_action_redirect") ?? fields.get("redirect");
  if (redirect !== undefined && URL.canParse(redirect)) {
    const to = new URL(redirect);
    for (const [name, value] of Object.entries({ bucket: bucket.name, key, etag })) to.searchParams.set(name, value);
    return { status: 303, headers: { ...headers, location: to.href } };
  }
  const status = fields.get("success_action_status");
  if (status === "200") return { status: 200, headers };
  if (status !== "201") return { status: 204, headers };
  const body = document("PostResponse", { Location: location, Bucket: bucket.name, Key: key, ETag: etag });
  return { status: 201, headers, body };
}
