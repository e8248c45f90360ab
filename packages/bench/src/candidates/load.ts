/** From what a candidate was resolved to, to an open client: runs in the process that measures. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { type Clock, InvalidInputError } from "@evertoken/core";
import type { ClientModule, ClientSettings, OpenClient } from "./client.js";
import { type Sdk, s3Operations } from "./s3-operations.js";

/** Where a candidate is found. Plain JSON: it is told to the measuring process. */
export type Loadable =
  | { readonly kind: "sdk"; readonly folder: string; readonly undiciFolder?: string }
  | { readonly kind: "pool"; readonly fastLane: boolean }
  /** A `file:` URL. */
  | { readonly kind: "module"; readonly url: string };

/** @param clock what the credentials live on: runs fast in the rotation case. */
export async function openClient(what: Loadable, settings: ClientSettings, clock: Clock): Promise<OpenClient> {
  switch (what.kind) {
    case "sdk":
      return openSdk(what, settings);
    case "pool":
      return openPool(what.fastLane, settings, clock);
    case "module":
      return openModule(what.url, settings);
  }
}

/** The SDK as it comes, but for the address. */
function openSdk({ folder, undiciFolder }: Extract<Loadable, { kind: "sdk" }>, settings: ClientSettings): OpenClient {
  const sdk = requireFrom(folder, "@aws-sdk/client-s3") as Sdk;
  const { endpoint, region, credentials, checksum } = settings;
  const client = new sdk.S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    ...(credentials && { credentials }),
    ...checksumUse(checksum),
    ...(undiciFolder !== undefined && { requestHandler: undiciHandler(undiciFolder) }),
  });
  return {
    run: s3Operations(sdk, client.send.bind(client) as typeof client.send, checksum),
    close: async () => {
      client.destroy();
      return {};
    },
  };
}

function undiciHandler(folder: string) {
  type Handlers = typeof import("@smithy/undici-http-handler");
  const { UndiciHttpHandler } = requireFrom(folder, "@smithy/undici-http-handler") as Handlers;
  return new UndiciHttpHandler();
}

/** As an application in that folder gets it. */
function requireFrom(folder: string, name: string): unknown {
  return createRequire(join(folder, "package.json"))(name);
}

async function openPool(fastLane: boolean, settings: ClientSettings, clock: Clock): Promise<OpenClient> {
  const [{ createS3Pool }, sdk] = await Promise.all([import("@evertoken/s3"), import("@aws-sdk/client-s3")]);
  const { endpoint, region, credentials, checksum } = settings;
  const common = { endpoint, region, forcePathStyle: true, fastLane, clock };
  const pool = createS3Pool({ ...common, ...(credentials && { credentials }), ...checksumUse(checksum) });
  const send = pool.send.bind(pool) as InstanceType<Sdk["S3Client"]>["send"];
  return {
    run: s3Operations(sdk, send, checksum),
    close: async () => {
      const { replayed } = pool.stats();
      await pool.close();
      return { replays: replayed };
    },
  };
}

function checksumUse(checksum: string) {
  if (checksum !== "when-required") return {};
  return { requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" } as const;
}

async function openModule(url: string, settings: ClientSettings): Promise<OpenClient> {
  const module = (await import(url)) as Partial<ClientModule>;
  const missing = (["open", "run", "close"] as const).filter((name) => typeof module[name] !== "function");
  if (missing.length > 0) {
    const problems = missing.map((field) => ({ field, message: "is missing: expected an exported function" }));
    throw new InvalidInputError(url, problems);
  }
  const { open, run, close } = module as ClientModule;
  const client = await open(settings);
  return { run: (operation) => run(client, operation), close: async () => (await close(client)) ?? {} };
}
