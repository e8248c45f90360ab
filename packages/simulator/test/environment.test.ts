import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { InvalidInputError } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { simulated } from "./instance.js";
import { hasIpv6, withEnvironment } from "./sdk.js";

const WAYS = [
  ["imds", /:assumed-role\/evertoken-role\/i-/],
  ["imds-ipv6", /:assumed-role\/evertoken-role\/i-/],
  ["ecs", /:assumed-role\/evertoken-task-role\/[0-9a-f]{32}$/],
  ["eks", /:assumed-role\/evertoken-task-role\//],
  ["container", /:assumed-role\/evertoken-task-role\//],
  ["web-identity", /:assumed-role\/evertoken-task-role\/evertoken$/],
  ["user", /:user\/evertoken-user$/],
] as const;

describe("the environment", () => {
  it.each(WAYS.filter(([via]) => hasIpv6 || via !== "imds-ipv6"))(
    "by way of %s is all that the stock SDK needs, for S3 and for STS",
    async (via, arn) => {
      const simulator = await startSimulator({ ipv6: via === "imds-ipv6", region: "eu-central-1" });
      onTestFinished(() => simulator.close());
      withEnvironment(simulator.environment({ via }));
      const [s3, sts] = [new S3Client({ forcePathStyle: true }), new STSClient()];
      onTestFinished(() => [s3, sts].forEach((client) => void client.destroy()));

      expect((await s3.send(new ListBucketsCommand({}))).Buckets).toEqual([]);
      expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toMatch(arn);
    },
  );

  it("leads each client through its own endpoints", async () => {
    const { simulator } = await simulated();
    const lane = await simulator.openEndpoints("lane");

    expect(simulator.environment({ client: "lane", via: "ecs" })).toMatchObject({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: expect.stringMatching(`^${lane.containerUrl}/v2/credentials/`),
      AWS_ENDPOINT_URL_STS: lane.stsUrl,
    });
  });

  it("by a way that is none is refused with those there are", async () => {
    const { simulator } = await simulated();

    const ask = () => simulator.environment({ via: "lambda" as never });

    expect(ask).toThrow(InvalidInputError);
    expect(ask).toThrow('via is "lambda": expected one of imds, imds-ipv6, ecs, eks, container, web-identity, user');
  });
});
