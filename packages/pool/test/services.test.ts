import type { IncomingMessage, ServerResponse } from "node:http";
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createClientPool } from "@evertoken/pool";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { everNewKeeper, serviceThatSays } from "./service.js";

/** As services with the AWS JSON 1.0 protocol answer: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html */
const json =
  (status: number, body: object, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, outgoing: ServerResponse) =>
    outgoing.writeHead(status, { "content-type": "application/x-amz-json-1.0", ...headers }).end(JSON.stringify(body));

/** As services with the AWS query protocol answer: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html */
const xml = (status: number, body: string) => (_: IncomingMessage, outgoing: ServerResponse) =>
  outgoing.writeHead(status, { "content-type": "text/xml" }).end(body);

describe("a pool of DynamoDB clients", () => {
  const poolAt = (endpoint: string) => {
    const pool = createClientPool({
      size: 2,
      keeper: everNewKeeper(),
      create: ({ credentials }) => new DynamoDBClient({ region: "us-east-1", endpoint, credentials }),
    });
    onTestFinished(() => pool.close());
    return pool;
  };
  const expired = json(400, {
    __type: "com.amazon.coral.service#ExpiredTokenException",
    message: "The security token included in the request is expired",
  });

  it("infers what a command takes and gives, and replays what is refused as expired", async () => {
    const service = await serviceThatSays(expired, json(200, { Item: { id: { S: "1" } } }));

    const { Item } = await poolAt(service.url).send(
      new GetItemCommand({ TableName: "orders", Key: { id: { S: "1" } } }),
    );

    expectTypeOf(Item?.id?.S).toEqualTypeOf<string | undefined>();
    expect(Item).toEqual({ id: { S: "1" } });
    expect(service.signedWith).toEqual(["A1", "A2"]);
  });

  it("replays what is refused with UnrecognizedClientException", async () => {
    const refused = json(400, { __type: "com.amazon.coral.service#UnrecognizedClientException", message: "no" });
    const service = await serviceThatSays(refused, json(200, {}));

    await poolAt(service.url).send(new PutItemCommand({ TableName: "orders", Item: { id: { S: "1" } } }));

    expect(service.signedWith).toEqual(["A1", "A2"]);
  });

  it("hands a condition that failed on as the service's own error", async () => {
    const failed = json(400, {
      __type: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
      message: "no",
    });
    const service = await serviceThatSays(failed, json(200, {}));

    const sent = poolAt(service.url).send(new PutItemCommand({ TableName: "orders", Item: { id: { S: "1" } } }));

    await expect(sent).rejects.toBeInstanceOf(ConditionalCheckFailedException);
    expect(service.signedWith).toEqual(["A1"]);
  });
});

describe("a pool of SQS clients", () => {
  it("sends a message again that was refused as expired: it had not been taken", async () => {
    const expired = json(
      403,
      {
        __type: "com.amazon.coral.service#ExpiredTokenException",
        message: "The security token included in the request is expired",
      },
      { "x-amzn-query-error": "ExpiredToken;Sender" },
    );
    const sent = { MessageId: "m-1", MD5OfMessageBody: "5d41402abc4b2a76b9719d911017c592" };
    const service = await serviceThatSays(expired, json(200, sent));
    const pool = createClientPool({
      size: 1,
      keeper: everNewKeeper(),
      create: ({ credentials }) => new SQSClient({ region: "us-east-1", endpoint: service.url, credentials }),
    });
    onTestFinished(() => pool.close());

    const { MessageId } = await pool.send(
      new SendMessageCommand({ QueueUrl: `${service.url}/123456789012/orders`, MessageBody: "hello" }),
    );

    expectTypeOf(MessageId).toEqualTypeOf<string | undefined>();
    expect(MessageId).toBe("m-1");
    expect(service.signedWith).toEqual(["A1", "A2"]);
    expect(pool.stats()).toMatchObject({ replayed: 1, surfaced: 0 });
  });
});

describe("a pool of STS clients", () => {
  it.each(["ExpiredToken", "InvalidClientTokenId"])("replays what is refused with %s", async (code) => {
    const refused = xml(
      403,
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
        "<Message>The security token included in the request is expired</Message></Error><RequestId>r</RequestId></ErrorResponse>",
    );
    const identity = xml(
      200,
      '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
        "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    const service = await serviceThatSays(refused, identity);
    const pool = createClientPool({
      size: 1,
      keeper: everNewKeeper(),
      create: ({ credentials }) => new STSClient({ region: "us-east-1", endpoint: service.url, credentials }),
    });
    onTestFinished(() => pool.close());

    const { Account } = await pool.send(new GetCallerIdentityCommand({}));

    expect(Account).toBe("123456789012");
    expect(service.signedWith).toEqual(["A1", "A2"]);
  });
});
