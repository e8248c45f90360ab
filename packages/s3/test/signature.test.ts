/** The fast lane's Signature Version 4, against the figures that AWS has published and against the SDK's own signer. */

import { createHash, createHmac } from "node:crypto";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OPERATIONS } from "../src/fast-lane/operations.js";
import { type Plan, planOf } from "../src/fast-lane/plan.js";
import { encode, readInput } from "../src/fast-lane/reading.js";
import { EMPTY_SHA256, Signer } from "../src/fast-lane/signature.js";
import { type SignedRequest, signRequest } from "../src/fast-lane/signed-request.js";

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html#example-signature-calculations */
describe("the examples of S3's documentation", () => {
  const identity = {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  };
  const signer = new Signer({ region: "us-east-1", service: "s3" });
  const now = Date.parse("2013-05-24T00:00:00Z");
  const WELCOME = createHash("sha256").update("Welcome to Amazon S3.").digest("hex");

  it.each([
    {
      name: "GET Object",
      request: { method: "GET", path: "/test.txt", query: "", payloadHash: EMPTY_SHA256 },
      headers: { range: "bytes=0-9" },
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    },
    {
      name: "PUT Object",
      request: { method: "PUT", path: `/${encode("test$file.text")}`, query: "", payloadHash: WELCOME },
      headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    },
    {
      name: "GET Bucket Lifecycle",
      request: { method: "GET", path: "/", query: "lifecycle=", payloadHash: EMPTY_SHA256 },
      headers: {},
      signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    },
    {
      name: "Get Bucket (List Objects)",
      request: { method: "GET", path: "/", query: "max-keys=2&prefix=J", payloadHash: EMPTY_SHA256 },
      headers: {},
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    },
  ])("$name", ({ request, headers, signature }) => {
    const date = signer.date(now);
    const all: Record<string, string> = {
      ...headers,
      host: "examplebucket.s3.amazonaws.com",
      "x-amz-content-sha256": request.payloadHash,
      "x-amz-date": date,
    };
    const names = Object.keys(all).sort();
    const canonicalHeaders = names.map((name) => `${name}:${all[name]}\n`).join("");
    const signedHeaders = names.join(";");

    const authorization = signer.sign({ ...request, canonicalHeaders, signedHeaders }, date, identity);

    expect(authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
  });
});

/** What the SDK's signer wants for a hash. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as Uint8Array);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

const PLANS = OPERATIONS.map(planOf);
const HOST = "reports.s3.eu-central-1.amazonaws.com";
const ORDER = { region: "eu-central-1", service: "s3" };

/** Of two identities and a few days, in any order, so that a key that was kept for too long would be found. */
const identity = fc.constantFrom(
  { accessKeyId: "ASIAONE", secretAccessKey: "secret/one+", sessionToken: "token/one+==" },
  { accessKeyId: "ASIATWO", secretAccessKey: "secret two", sessionToken: "token two" },
  { accessKeyId: "AKIATHREE", secretAccessKey: "secretthree" },
);
const now = fc.oneof(
  fc.integer({ min: Date.parse("2026-11-25T23:59:58Z"), max: Date.parse("2026-11-26T00:00:02Z") }),
  fc.integer({ min: 0, max: Date.parse("2099-12-31T23:59:59Z") }),
);

const printable = fc.string({
  unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
});
const spaced = fc.string({ unit: fc.constantFrom("a", " ", "  ", ",", ";", ":"), minLength: 1 });
const header = fc.oneof(printable, spaced);
const wellFormed = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const metadata = fc.dictionary(
  fc.string({ unit: fc.constantFrom("a", "b", "-", "_", "1", "~"), minLength: 1 }),
  header,
  {
    maxKeys: 5,
  },
);
const when = fc.date({ min: new Date("2000-01-01"), max: new Date("2090-01-01"), noInvalidDate: true });

/** Any input, as far as the lane takes it: of each member a value of the kind that it has. */
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  Body: fc.uint8Array({ maxLength: 200 }),
  BucketKeyEnabled: fc.boolean(),
  BypassGovernanceRetention: fc.boolean(),
  ContentLength: fc.nat(),
  Expires: when,
  FetchOwner: fc.boolean(),
  IfModifiedSince: when,
  IfUnmodifiedSince: when,
  Key: wellFormed,
  MaxKeys: fc.integer(),
  Metadata: metadata,
  ObjectLockRetainUntilDate: when,
  PartNumber: fc.integer(),
  ResponseExpires: when,
};
const IN_QUERY = /^(Response|VersionId|UploadId|Prefix|Delimiter|StartAfter|ContinuationToken|EncodingType)/;

const inputOf = (plan: Plan) =>
  fc.record(
    Object.fromEntries(
      plan.operation.members.map((member) => [
        member,
        member === "Bucket"
          ? fc.constant("reports")
          : (VALUES[member] ?? (IN_QUERY.test(member) ? wellFormed : header)),
      ]),
    ),
    { requiredKeys: ["Bucket", ...(plan.hasKey ? ["Key"] : [])] },
  );

const order = fc
  .constantFrom(...PLANS)
  .chain((plan) => fc.record({ plan: fc.constant(plan), input: inputOf(plan), identity, now }));

/** The lane's request as the SDK's signer takes it: without anything that a signer adds. */
function unsigned({ method, path, headers, body }: SignedRequest): HttpRequest {
  // Not by URL, which would take dots in the path for steps.
  const [pathname = "", query = ""] = path.split("?");
  const pairs = headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1] ?? ""] as const] : []));
  const added = new Set(["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]);
  return new HttpRequest({
    method,
    hostname: HOST,
    path: pathname,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: Object.fromEntries(pairs.filter(([name]) => !added.has(name))),
    body,
  });
}

describe("the SDK's signer", () => {
  it("signs any request of the fast lane the same way", async () => {
    const signer = new Signer(ORDER);
    const template = { origin: `https://${HOST}`, pathBefore: "/", signer };
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(order, async ({ plan, input, ...occasion }) => {
        const reading = readInput(plan, input);
        if (typeof reading === "string") throw new Error(`the lane does not take it: ${reading}`);
        const defaults = [
          [plan.indexOf.host, HOST],
          [plan.indexOf["user-agent"], "aws-sdk-js/3 and  more"],
        ] as const;
        for (const [index, value] of defaults) reading.values[index] = value;
        const ours = signRequest(plan, { ...template, defaults }, reading, { ...occasion, invocationId: "id" });
        const theirs = new SignatureV4({
          ...ORDER,
          credentials: occasion.identity,
          sha256: Sha256,
          uriEscapePath: false,
        });

        const signed = await theirs.sign(unsigned(ours), { signingDate: new Date(occasion.now) });

        expect(ours.authorization).toBe(signed.headers.authorization);
        seen.add(plan.name);
      }),
      { numRuns: 5000 },
    );
    expect(seen.size).toBe(PLANS.length);
  });
});
