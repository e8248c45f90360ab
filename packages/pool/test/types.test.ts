/** What TypeScript infers for the clients of all services alike; `npm run build` compiles this file, so it fails there. */

import { DynamoDBClient, GetItemCommand, type GetItemCommandOutput } from "@aws-sdk/client-dynamodb";
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListBucketsCommand,
  type ListBucketsCommandOutput,
  S3Client,
} from "@aws-sdk/client-s3";
import { ReceiveMessageCommand, type ReceiveMessageCommandOutput, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, type GetCallerIdentityCommandOutput, STSClient } from "@aws-sdk/client-sts";
import { type AwsClient, type ClientPool, createClientPool } from "@evertoken/pool";
import { describe, expectTypeOf, it } from "vitest";
import { everNewKeeper } from "./service.js";

const poolOf = <C extends AwsClient>(client: C): ClientPool<C> =>
  createClientPool({ size: 1, keeper: everNewKeeper(), create: () => client });

describe("pool.send", () => {
  it("gives what the command gives, for each service", () => {
    const sends = {
      s3: () => poolOf(new S3Client()).send(new GetObjectCommand({ Bucket: "reports", Key: "key" })),
      s3WithoutInput: () => poolOf(new S3Client()).send(new ListBucketsCommand()),
      dynamoDb: () => poolOf(new DynamoDBClient()).send(new GetItemCommand({ TableName: "orders", Key: {} })),
      sqs: () => poolOf(new SQSClient()).send(new ReceiveMessageCommand({ QueueUrl: "url" })),
      sts: () => poolOf(new STSClient()).send(new GetCallerIdentityCommand({})),
    };

    expectTypeOf(sends.s3).returns.resolves.toEqualTypeOf<GetObjectCommandOutput>();
    expectTypeOf(sends.s3WithoutInput).returns.resolves.toEqualTypeOf<ListBucketsCommandOutput>();
    expectTypeOf(sends.dynamoDb).returns.resolves.toEqualTypeOf<GetItemCommandOutput>();
    expectTypeOf(sends.sqs).returns.resolves.toEqualTypeOf<ReceiveMessageCommandOutput>();
    expectTypeOf(sends.sts).returns.resolves.toEqualTypeOf<GetCallerIdentityCommandOutput>();
  });

  it("does not take the commands of another service, or an input that lacks something", () => {
    const refused = [
      // @ts-expect-error A command of DynamoDB is nothing to an S3 client.
      () => poolOf(new S3Client()).send(new GetItemCommand({ TableName: "orders", Key: {} })),
      // @ts-expect-error Nor one of STS to SQS.
      () => poolOf(new SQSClient()).send(new GetCallerIdentityCommand({})),
      // @ts-expect-error `Key` is missing.
      () => poolOf(new S3Client()).send(new GetObjectCommand({ Bucket: "reports" })),
    ];

    expectTypeOf(refused).items.toBeFunction();
  });
});

describe("pool.lease", () => {
  it("lends the client that `create` makes, and gives what the work gives", () => {
    const pool = () => poolOf(new SQSClient());
    const lend = () => pool().lease((client) => client.config.region());

    expectTypeOf(pool).returns.toEqualTypeOf<ClientPool<SQSClient>>();
    expectTypeOf(lend).returns.resolves.toEqualTypeOf<string>();
  });
});
