/**
 * Any request, through both lanes: the same goes over the wire, the same is stored, and the caller gets the same, whether
 * it is an output or an error. Sequences, because what a request gives depends on those before. On failure fast-check
 * prints a seed and a path to run the very same sequence again (EVERTOKEN_SEED, EVERTOKEN_PATH).
 */

import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { BUCKETS, bothLanes, bothLanesForThisTest, isSame, LANES, type Lane, outcomeOf, requestsOf } from "./lanes.js";

const SEQUENCES = 1000;
/** Of each sequence: in all at least 20,000. */
const REQUESTS = 20;

type Input = Record<string, unknown>;
interface Step {
  readonly operation: keyof typeof COMMANDS;
  readonly key: number;
  readonly input: Input;
}

const COMMANDS = {
  put: PutObjectCommand,
  get: GetObjectCommand,
  head: HeadObjectCommand,
  delete: DeleteObjectCommand,
  part: UploadPartCommand,
  list: ListObjectsV2Command,
};

/** Now and then one of these, else nothing. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 16 });

const text = fc.oneof(
  { weight: 20, arbitrary: fc.string({ minLength: 1, maxLength: 30 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 10 }) },
  { weight: 1, arbitrary: fc.constantFrom(" two  spaces ", "tab\there", "ü", "a,b", '"quoted"') },
);

const key = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom("a", "/", ".", " ", "+", "%", "?", "#", "&", "=", "~", "'", "(", "*", "\\"),
    minLength: 1,
  }),
  fc.constantFrom("../up", "a/../b", "//", "a//b/", "\ud800", "", "%2F", "a\nb"),
);

const bytes = fc.uint8Array({ maxLength: 3000 });
const body = fc.oneof(
  { weight: 4, arbitrary: bytes.map((value) => Buffer.from(value)) },
  { weight: 2, arbitrary: bytes },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 200 }) },
  { weight: 1, arbitrary: fc.constantFrom("", undefined, Buffer.alloc(0), Buffer.alloc(100_000, "x"), null) },
  { weight: 1, arbitrary: fc.uint16Array({ maxLength: 100 }) },
  { weight: 1, arbitrary: bytes.map((value) => new DataView(value.buffer, value.byteOffset, value.byteLength)) },
  { weight: 1, arbitrary: bytes.map((value) => value.buffer) },
);

const date = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.date({
      min: new Date("2000-01-01T00:00:00Z"),
      max: new Date("2090-01-01T00:00:00Z"),
      noInvalidDate: true,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      new Date(Number.NaN),
      new Date("0099-01-01T00:00:00Z"),
      new Date("9999-12-31T23:59:59.999Z"),
    ),
  },
);

const algorithm = fc.constantFrom("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "MD4");
const etag = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom("*", '"d41d8cd98f00b204e9800998ecf8427e"', "nonsense") },
  { weight: 1, arbitrary: fc.constant("") },
);

const uploaded = {
  Body: body,
  ChecksumAlgorithm: rarely(algorithm),
  ChecksumCRC32: rarely(fc.constantFrom("AAAAAA==", "wrong", "NhCmhg==")),
  ChecksumSHA256: rarely(fc.constantFrom("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "wrong")),
  ContentMD5: rarely(fc.constantFrom("1B2M2Y8AsgTpgAmY7PhCfg==", "wrong")),
  ExpectedBucketOwner: rarely(fc.constantFrom("111122223333", "nobody")),
};

const put = fc.record({
  ...uploaded,
  CacheControl: rarely(text),
  ContentDisposition: rarely(text),
  ContentEncoding: rarely(text),
  ContentLanguage: rarely(text),
  ContentType: rarely(text),
  Expires: rarely(date),
  IfMatch: rarely(etag),
  IfNoneMatch: rarely(etag),
  Metadata: rarely(
    fc.dictionary(fc.oneof(fc.constantFrom("a", "A", "b-c", "x_y", "ü", "a b"), fc.string({ maxLength: 8 })), text, {
      maxKeys: 4,
    }),
  ),
  ServerSideEncryption: rarely(fc.constantFrom("AES256", "aws:kms", "nonsense")),
  StorageClass: rarely(fc.constantFrom("STANDARD", "STANDARD_IA", "nonsense")),
  Tagging: rarely(fc.constantFrom("a=b&c=d", "a=b&a=c", "=")),
  WebsiteRedirectLocation: rarely(fc.constantFrom("/elsewhere", "nonsense")),
  ACL: rarely(fc.constantFrom("private", "public-read", "nonsense")),
  BucketKeyEnabled: rarely(fc.constantFrom(true, false, "yes")),
  SSECustomerAlgorithm: rarely(fc.constant("AES256")),
});

const read = fc.record({
  ChecksumMode: rarely(fc.constantFrom("ENABLED", "nonsense")),
  IfMatch: rarely(etag),
  IfModifiedSince: rarely(date),
  IfNoneMatch: rarely(etag),
  IfUnmodifiedSince: rarely(date),
  PartNumber: rarely(fc.constantFrom(1, 2, 0, -1, 10_001, Number.NaN, 1.5)),
  Range: rarely(fc.constantFrom("bytes=0-9", "bytes=5-", "bytes=-3", "bytes=100000-", "bytes=9-0", "lines=1-2", "")),
  ResponseCacheControl: rarely(text),
  ResponseContentDisposition: rarely(text),
  ResponseContentType: rarely(text),
  ResponseExpires: rarely(date),
  VersionId: rarely(fc.constantFrom("null", "a b+c", "")),
});

const part = fc.record({
  ...uploaded,
  PartNumber: fc.constantFrom(1, 2, 3, 0, 10_001),
  UploadId: fc.constantFrom("THE UPLOAD", "unknown", ""),
});

const remove = fc.record({ VersionId: rarely(fc.constantFrom("null", "1")), IfMatch: rarely(etag) });

const list = fc.record({
  ContinuationToken: rarely(fc.constantFrom("nonsense", "")),
  Delimiter: rarely(fc.constantFrom("/", "a", "")),
  EncodingType: rarely(fc.constantFrom("url", "nonsense")),
  FetchOwner: rarely(fc.boolean()),
  MaxKeys: rarely(fc.constantFrom(0, 1, 2, 1000, 2000, -1)),
  Prefix: rarely(fc.oneof(text, fc.constantFrom("a", "/"))),
  StartAfter: rarely(text),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: ofOperation("put", put) },
  { weight: 5, arbitrary: ofOperation("get", read) },
  { weight: 3, arbitrary: ofOperation("head", read) },
  { weight: 2, arbitrary: ofOperation("delete", remove) },
  { weight: 2, arbitrary: ofOperation("part", part) },
  { weight: 2, arbitrary: ofOperation("list", list) },
);

function ofOperation(operation: Step["operation"], input: fc.Arbitrary<Input>): fc.Arbitrary<Step> {
  return fc.record({ operation: fc.constant(operation), key: fc.nat({ max: 2 }), input });
}

const sequence = fc.record({
  keys: fc.tuple(key, key, key),
  steps: fc.array(step, { minLength: REQUESTS, maxLength: REQUESTS }),
});

it("a pool tells which lane each request took; one that was handed over took the SDK's", async () => {
  const { pools } = await bothLanesForThisTest();
  const told: unknown[] = [];
  for (const lane of LANES) pools[lane].on("request", (request) => told.push([request.operation, request.lane]));

  for (const lane of LANES)
    await pools[lane].send(new PutObjectCommand({ Bucket: BUCKETS[lane], Key: "a", Body: "b" }));
  await pools.fast.send(new GetObjectCommand({ Bucket: BUCKETS.fast, Key: "none" })).catch(() => {});

  expect(told).toEqual([
    ["PutObject", "fast"],
    ["PutObject", "sdk"],
    ["GetObject", "sdk"],
  ]);
});

describe("the two lanes", () => {
  let lanes: Awaited<ReturnType<typeof bothLanes>>;
  const uploads: Partial<Record<Lane, string>> = {};

  beforeAll(async () => {
    // The SDK lane warns of each upload whose length it does not know, and of empty text it does not.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    lanes = await bothLanes();
    for (const lane of LANES) {
      const upload = new CreateMultipartUploadCommand({ Bucket: BUCKETS[lane], Key: "upload" });
      uploads[lane] = (await lanes.pools[lane].send(upload)).UploadId ?? "none";
    }
    isSame(Object.values(uploads), "UPLOAD");
  });
  afterAll(() => {
    vi.restoreAllMocks();
    return lanes.close();
  });

  const inputOf = (lane: Lane, { operation, key: index, input }: Step, keys: readonly string[]): Input => {
    const Key = operation === "list" ? {} : { Key: operation === "part" ? "upload" : keys[index] };
    const UploadId = input.UploadId === "THE UPLOAD" ? { UploadId: uploads[lane] } : {};
    return { Bucket: BUCKETS[lane], ...Key, ...input, ...UploadId };
  };

  const send = (lane: Lane, command: object) => outcomeOf(lanes.pools[lane], command);

  const through = (lane: Lane, given: Step, keys: readonly string[]) => {
    const Command = COMMANDS[given.operation] as unknown as new (input: Input) => object;
    return requestsOf(() => send(lane, new Command(inputOf(lane, given, keys))));
  };

  it("send the same requests, store the same bytes and give the same outputs and errors", async () => {
    await fc.assert(
      fc.asyncProperty(sequence, async ({ keys, steps }) => {
        for (const given of steps) {
          const fast = await through("fast", given, keys);
          const sdk = await through("sdk", given, keys);
          expect(fast.result).toEqual(sdk.result);
          expect(fast.requests).toEqual(sdk.requests);
        }
        // Lists would grow from sequence to sequence.
        for (const Key of keys.filter((name) => name !== "")) {
          for (const lane of LANES) await send(lane, new DeleteObjectCommand({ Bucket: BUCKETS[lane], Key }));
        }
      }),
      {
        numRuns: SEQUENCES,
        // Making a failing sequence shorter must come to an end.
        interruptAfterTimeLimit: 240_000,
        markInterruptAsFailure: true,
      },
    );
    const { fast, sdk, diversions } = lanes.pools.fast.stats().lanes;
    // What only ever went one way would be equal whatever it did.
    expect(fast).toBeGreaterThan(sdk);
    expect(Object.keys(diversions).sort()).toEqual(["member", "operation", "value"]);
  }, 300_000);
});
