/**
 * Where requests go: each kind of endpoint and addressing, in both lanes, with the names of all hosts standing for one
 * server on loopback. The lanes must agree on host, path, region and everything else that is sent.
 */

import { connect } from "node:net";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3ClientConfig,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { createKeeper, fromProvider } from "@evertoken/credentials";
import { followClock } from "@evertoken/simulator";
import { UndiciHttpHandler } from "@smithy/undici-http-handler";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { FastLane } from "../src/fast-lane/lane.js";
import { LanedS3Client } from "../src/fast-lane/laned-client.js";
import { LANES, type Lane } from "./lanes.js";
import { answers, rawService, refuses } from "./raw-service.js";

/** A client whose connections, wherever they are to go, go to `port`; `hosts` tells where they were to go. */
function clientOn(lane: Lane, { port, clock }: { port: number; clock: VirtualClock }, config: S3ClientConfig) {
  const hosts: string[] = [];
  const dispatcher = new Agent({
    connect: ({ protocol, host }, callback) => {
      hosts.push(`${protocol}//${host}`);
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => callback(null, socket)).once("error", (error) => callback(error, null));
    },
  });
  const keeper = createKeeper({
    source: fromProvider(async () => ({ accessKeyId: "AKID", secretAccessKey: "secret", sessionToken: "token" })),
    clock,
  });
  const fastLane = new FastLane({ isOn: lane === "fast", dispatcher, keeper, clock });
  const client = new LanedS3Client(
    { ...config, credentials: keeper.provider, requestHandler: new UndiciHttpHandler({ dispatcher }) },
    fastLane,
  );
  onTestFinished(async () => {
    await dispatcher.destroy();
    keeper.close();
  });
  return { client, hosts, lanes: () => fastLane.stats() };
}

const commands = (Bucket: string) => {
  const ofObject = { Bucket, Key: "a b/ü+.txt" };
  return [
    new PutObjectCommand({ ...ofObject, Body: "content", Metadata: { one: "1" } }),
    new GetObjectCommand({ ...ofObject, Range: "bytes=0-1" }),
    new HeadObjectCommand(ofObject),
    new UploadPartCommand({ ...ofObject, UploadId: "u+/=", PartNumber: 1, Body: Buffer.from("part") }),
    new ListObjectsV2Command({ Bucket, Prefix: "a b/" }),
    new DeleteObjectCommand(ofObject),
  ];
};

/** A request as it came, without what is another one each time; the signature covers one of these. */
function comparable(head: string) {
  const [line, ...lines] = head.trimEnd().split("\r\n");
  const headers = lines
    .filter((text) => !/^(amz-sdk-invocation-id|user-agent):/i.test(text))
    .map((text) => text.replace(/^[^:]+/, (name) => name.toLowerCase()).replace(/Signature=.*/, ""));
  return { line, headers: headers.sort() };
}

async function sentBy(lane: Lane, config: S3ClientConfig, bucket: string) {
  const service = await rawService(answers());
  const clock = new VirtualClock();
  onTestFinished(followClock(clock));
  const { client, hosts, lanes } = clientOn(lane, { port: service.port, clock }, config);
  for (const command of commands(bucket)) {
    const { Body } = (await client.send(command as GetObjectCommand)) ?? {};
    await Body?.transformToString();
  }
  return { requests: service.heads.map(comparable), hosts: new Set(hosts), lanes: lanes() };
}

describe("a request goes where the SDK would send it, in the fast lane,", () => {
  const eu = { region: "eu-central-1" };
  const PATH = "/a%20b/%C3%BC%2B.txt";

  it.each<[name: string, config: S3ClientConfig, host: string, path?: string, bucket?: string]>([
    ["to a bucket's own host", eu, "https://reports.s3.eu-central-1.amazonaws.com"],
    ["to a bucket's own host in us-east-1", { region: "us-east-1" }, "https://reports.s3.us-east-1.amazonaws.com"],
    ["in China", { region: "cn-north-1" }, "https://reports.s3.cn-north-1.amazonaws.com.cn"],
    ["in GovCloud", { region: "us-gov-west-1" }, "https://reports.s3.us-gov-west-1.amazonaws.com"],
    ["by path", { ...eu, forcePathStyle: true }, "https://s3.eu-central-1.amazonaws.com", `/reports${PATH}`],
    ["to a bucket with dots", eu, "https://s3.eu-central-1.amazonaws.com", `/re.ports${PATH}`, "re.ports"],
    [
      "by IPv6 as well",
      { ...eu, useDualstackEndpoint: true },
      "https://reports.s3.dualstack.eu-central-1.amazonaws.com",
    ],
    ["with FIPS", { region: "us-west-2", useFipsEndpoint: true }, "https://reports.s3-fips.us-west-2.amazonaws.com"],
    [
      "with FIPS, by IPv6 as well",
      { region: "us-west-2", useFipsEndpoint: true, useDualstackEndpoint: true },
      "https://reports.s3-fips.dualstack.us-west-2.amazonaws.com",
    ],
    ["accelerated", { ...eu, useAccelerateEndpoint: true }, "https://reports.s3-accelerate.amazonaws.com"],
    [
      "accelerated, by IPv6 as well",
      { ...eu, useAccelerateEndpoint: true, useDualstackEndpoint: true },
      "https://reports.s3-accelerate.dualstack.amazonaws.com",
    ],
    ["to another service", { ...eu, endpoint: "http://objects.example:9000" }, "http://reports.objects.example:9000"],
    [
      "to another service by path",
      { ...eu, endpoint: "http://objects.example:9000", forcePathStyle: true },
      "http://objects.example:9000",
      `/reports${PATH}`,
    ],
    [
      "to another service by its address",
      { ...eu, endpoint: "http://127.0.0.1:9000" },
      "http://127.0.0.1:9000",
      `/reports${PATH}`,
    ],
    [
      "to another service by its IPv6 address",
      { ...eu, endpoint: "http://[::1]:9000" },
      "http://[::1]:9000",
      `/reports${PATH}`,
    ],
    [
      "to another service below a path",
      { ...eu, endpoint: "https://example.org/storage/", forcePathStyle: true },
      "https://example.org",
      `/storage/reports${PATH}`,
    ],
  ])("%s", async (_, config, host, path = PATH, bucket = "reports") => {
    const fast = await sentBy("fast", config, bucket);
    const sdk = await sentBy("sdk", config, bucket);

    expect(fast.requests).toEqual(sdk.requests);
    expect(fast.hosts).toEqual(sdk.hosts);
    expect(fast.hosts).toEqual(new Set([host]));
    expect(fast.requests[0]?.line).toBe(`PUT ${path}?x-id=PutObject HTTP/1.1`);
    expect(fast.requests[0]?.headers.join("\n")).toContain(`/${config.region}/s3/aws4_request`);
    expect(fast.lanes).toEqual({ fast: LANES.length * 3, handedOver: 0, sdk: 0, diversions: {} });
  });

  it("keeps buckets apart that the same client uses", async () => {
    const service = await rawService(answers());
    const clock = new VirtualClock();
    const { client, hosts } = clientOn("fast", { port: service.port, clock }, eu);

    for (const Bucket of ["reports", "letters", "re.ports", "reports"]) {
      await client.send(new PutObjectCommand({ Bucket, Key: "key" }));
    }

    expect(hosts).toEqual([
      "https://reports.s3.eu-central-1.amazonaws.com",
      "https://letters.s3.eu-central-1.amazonaws.com",
      "https://s3.eu-central-1.amazonaws.com",
    ]);
    expect(service.heads.map((head) => head.split(" ")[1])).toEqual([
      "/key?x-id=PutObject",
      "/key?x-id=PutObject",
      "/re.ports/key?x-id=PutObject",
      "/key?x-id=PutObject",
    ]);
  });
});

describe("an endpoint that there cannot be", () => {
  it.each<[name: string, config: S3ClientConfig, bucket?: string]>([
    ["FIPS, accelerated", { region: "us-east-1", useFipsEndpoint: true, useAccelerateEndpoint: true }],
    ["acceleration for a bucket with dots", { region: "us-east-1", useAccelerateEndpoint: true }, "re.ports"],
    ["FIPS in China, by IPv6 as well", { region: "cn-north-1", useFipsEndpoint: true, useDualstackEndpoint: true }],
    ["another service, with FIPS", { region: "us-east-1", endpoint: "http://127.0.0.1:1", useFipsEndpoint: true }],
  ])("is refused in the SDK's words: %s", async (_, config, Bucket = "reports") => {
    const clock = new VirtualClock();
    const service = await rawService(refuses("400 Bad Request", "Unreachable"));
    const said = await Promise.all(
      LANES.map(async (lane) => {
        const { client } = clientOn(lane, { port: service.port, clock }, { ...config, maxAttempts: 1 });
        return client.send(new HeadObjectCommand({ Bucket, Key: "key" })).then(String, String);
      }),
    );

    expect(said[0]).toBe(said[1]);
    expect(said[0]).toMatch(/Error/);
  });
});
