/** What pool tests need: a pool of real S3 clients on a real simulator, or on a server whose answers a test decides. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { createKeeper, fromImds, type Keeper, type KeeperOptions } from "@evertoken/credentials";
import { type ClientPool, type ClientPoolOptions, createClientPool } from "@evertoken/pool";
import { type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { onTestFinished } from "vitest";

/** What a test says of its pool. */
type PoolOf = Partial<ClientPoolOptions<S3Client>> & { readonly size: number; readonly keeper: Keeper };

type MakePool = (url: string, options: PoolOf, config?: { maxAttempts?: number }) => ClientPool<S3Client>;

const ofSdkClients: MakePool = (url, options, config) =>
  createClientPool({ create: ({ credentials }) => s3At(url, { credentials, ...config }), ...options });

let makePool = ofSdkClients;

/** For who has another kind of pool that must pass the same tests; those with a `create` of their own stay as they are. */
export function poolsAreMadeBy(make: MakePool): void {
  makePool = (url, options, config) => (options.create === undefined ? make : ofSdkClients)(url, options, config);
}

export async function simulatedPool({
  size = 5,
  keeper: keeperOptions = {},
  pool: poolOptions = {},
  simulator: simulatorOptions = {},
}: {
  size?: number;
  keeper?: KeeperOptions;
  pool?: Partial<ClientPoolOptions<S3Client>>;
  simulator?: SimulatorOptions;
} = {}) {
  const simulator = await startSimulator(simulatorOptions);
  const source = fromImds({ endpoint: simulator.imdsUrl });
  const keeper = createKeeper({ source, ...keeperOptions });
  const pool = makePool(simulator.s3Url, { size, keeper, ...poolOptions });
  onTestFinished(async () => {
    await pool.close({ drainMs: 100 });
    keeper.close();
    source.close?.();
    await simulator.close();
  });
  return { simulator, keeper, pool };
}

export function s3At(endpoint: string, config: S3ClientConfig): S3Client {
  return new S3Client({ region: "us-east-1", endpoint, forcePathStyle: true, ...config });
}

/** A Keeper whose source has other credentials each time it is asked: `A1`, `A2`, … */
export function everNewKeeper(): Keeper {
  let asked = 0;
  const keeper = createKeeper({
    source: {
      name: "the ever new source",
      watchable: false,
      load: async () => {
        asked += 1;
        const expiration = new Date(Date.now() + 3_600_000);
        return {
          credentials: { accessKeyId: `A${asked}`, secretAccessKey: "secret", sessionToken: "token", expiration },
        };
      },
    },
  });
  onTestFinished(() => keeper.close());
  return keeper;
}

/** A server that answers the requests in turn as the list says, the last answer again and again. */
export async function serviceThatSays(
  ...answers: ((incoming: IncomingMessage, outgoing: ServerResponse) => void)[]
): Promise<{ url: string; signedWith: string[] }> {
  const signedWith: string[] = [];
  const server = createServer((incoming, outgoing) => {
    signedWith.push(/Credential=([^/]+)/.exec(incoming.headers.authorization ?? "")?.[1] ?? "nobody");
    incoming.resume();
    incoming.on("end", () => {
      const answer = answers[Math.min(signedWith.length, answers.length) - 1];
      answer?.(incoming, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, signedWith };
}

export function poolAt(
  url: string,
  keeper: Keeper,
  options: Partial<ClientPoolOptions<S3Client>> = {},
): ClientPool<S3Client> {
  const pool = makePool(url, { size: 1, keeper, ...options }, { maxAttempts: 1 });
  onTestFinished(() => pool.close({ drainMs: 100 }));
  return pool;
}

/** An S3 error answer. */
export const says =
  (status: number, code: string) =>
  (_: IncomingMessage, outgoing: ServerResponse): void => {
    outgoing.writeHead(status, { "content-type": "application/xml" });
    outgoing.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  };

export const ok = (_: IncomingMessage, outgoing: ServerResponse): void => {
  outgoing.writeHead(200, { etag: '"e"' }).end();
};
