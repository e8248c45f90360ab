/**
 * What middlewares of a caller's own see in a pool is what they see in a client: they run in the SDK's order, whatever
 * they are called and wherever they stand.
 */

import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { createClientPool } from "@evertoken/pool";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { everNewKeeper } from "./service.js";

/** One middleware of a caller's own. */
interface Addition {
  readonly name: string;
  readonly where: { step?: string; priority?: string; relation?: string; toMiddleware?: string };
  readonly override: boolean;
}

type Stack = S3Client["middlewareStack"] | ListBucketsCommand["middlewareStack"];

const NAMES = ["one", "two", "three", "four", "five"];
const SDK_NAMES = ["serializerMiddleware", "httpSigningMiddleware", "retryMiddleware", "endpointV2Middleware"];

const absolute = fc.record(
  {
    step: fc.constantFrom("initialize", "serialize", "build", "finalizeRequest", "deserialize"),
    priority: fc.constantFrom("high", "normal", "low"),
  },
  { requiredKeys: [] },
);
const relative = fc.record({
  relation: fc.constantFrom("before", "after"),
  toMiddleware: fc.constantFrom(...SDK_NAMES, ...NAMES),
});
const addition: fc.Arbitrary<Addition> = fc.record({
  name: fc.constantFrom(...NAMES),
  where: fc.oneof(absolute, relative),
  override: fc.boolean(),
});
const additions = fc.array(addition, { maxLength: 4 });

function add(stack: Stack, { name, where, override }: Addition, ran: () => void): void {
  const middleware = (next: (args: never) => unknown) => (args: never) => {
    ran();
    return next(args);
  };
  const method = where.toMiddleware === undefined ? "add" : "addRelativeTo";
  (stack[method] as (...args: unknown[]) => void)(middleware, { name, override, ...where });
}

/** Nothing is sent. */
const requestHandler = {
  handle: async () => {
    throw new Error("the end of the stack");
  },
};

const clientOf = () =>
  new S3Client({
    region: "us-east-1",
    credentials: { accessKeyId: "A", secretAccessKey: "S" },
    maxAttempts: 1,
    requestHandler: requestHandler as never,
  });

/** Which middlewares of their own ran, in their order, and what came of it. */
async function seenBy(
  client: S3Client,
  send: (command: ListBucketsCommand) => Promise<unknown>,
  onClient: readonly Addition[],
  onCommand: readonly Addition[],
): Promise<string[]> {
  const seen: string[] = [];
  try {
    onClient.forEach((each, index) => {
      add(client.middlewareStack, each, () => seen.push(`client ${index}`));
    });
    const command = new ListBucketsCommand({});
    onCommand.forEach((each, index) => {
      add(command.middlewareStack, each, () => seen.push(`command ${index}`));
    });
    await send(command);
  } catch (error) {
    seen.push((error as Error).message);
  }
  return seen;
}

function poolOfOne() {
  const client = clientOf();
  const keeper = everNewKeeper();
  const pool = createClientPool({ size: 1, keeper, create: () => client });
  return { client, pool };
}

describe("middlewares of a caller's own", () => {
  it("run in the order in which a client alone runs them", async () => {
    const once = [{ name: "warm", where: {}, override: false }];
    await fc.assert(
      fc.asyncProperty(additions, additions, async (onClient, onCommand) => {
        const alone = clientOf();
        const { client, pool } = poolOfOne();
        // The order of another look is known by then.
        await seenBy(client, (command) => pool.send(command), [], once);

        const inPool = await seenBy(client, (command) => pool.send(command), onClient, onCommand);

        expect(inPool).toEqual(await seenBy(alone, (command) => alone.send(command), onClient, onCommand));
        await pool.close();
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  it("run from the next request on when they are added to a client in use, and no more when they are removed", async () => {
    const { client, pool } = poolOfOne();
    onTestFinished(() => pool.close());
    const send = () => seenBy(client, (command) => pool.send(command), [], []);
    const seen: string[] = [];
    await send();
    add(client.middlewareStack, { name: "mine", where: {}, override: false }, () => seen.push("mine"));

    await send();
    await send();
    client.middlewareStack.remove("mine");
    await send();

    expect(seen).toEqual(["mine", "mine"]);
  });

  it("are those of each command, also when they look alike", async () => {
    const { client, pool } = poolOfOne();
    onTestFinished(() => pool.close());
    const mine = [{ name: "mine", where: {}, override: false }];
    const seen: string[] = [];
    const send = async (label: string) => {
      const command = new ListBucketsCommand({});
      add(command.middlewareStack, mine[0] as Addition, () => seen.push(label));
      await pool.send(command).catch(() => {});
    };
    await pool.lease(() => client);

    await Promise.all([send("first"), send("second")]);

    expect(seen.sort()).toEqual(["first", "second"]);
  });
});
