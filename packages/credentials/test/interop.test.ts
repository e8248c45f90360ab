/** What others do with a Keeper: AWS SDK clients, libraries that take a function, tools that take credentials as such. */

import { ListBucketsCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { createKeeper, fromImds, type Identity } from "@evertoken/credentials";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

async function keeperOnSimulator() {
  const simulator = await startSimulator();
  const source = fromImds({ endpoint: simulator.imdsUrl });
  const keeper = createKeeper({ source });
  onTestFinished(async () => {
    keeper.close();
    source.close?.();
    await simulator.close();
  });
  const client = (credentials: NonNullable<S3ClientConfig["credentials"]>) => {
    const s3 = new S3Client({
      region: "us-east-1",
      endpoint: simulator.s3Url,
      forcePathStyle: true,
      credentials,
    });
    onTestFinished(() => s3.destroy());
    return s3;
  };
  return { simulator, keeper, client };
}

/** A library that takes a function and knows nothing of Keepers. */
class Library {
  readonly credentialProvider: (...given: never[]) => Promise<Identity>;

  constructor({ credentialProvider }: { credentialProvider: (...given: never[]) => Promise<Identity> }) {
    this.credentialProvider = credentialProvider;
  }
}

describe("a keeper", () => {
  it("is the credentials of an AWS SDK client, which follow each rotation", async () => {
    const { simulator, keeper, client } = await keeperOnSimulator();
    const s3 = client(keeper.provider);

    await expect(s3.send(new ListBucketsCommand({}))).resolves.toMatchObject({ Buckets: [] });
    simulator.fault("credentials-revoked");
    await keeper.refresh();

    await expect(s3.send(new ListBucketsCommand({}))).resolves.toMatchObject({ Buckets: [] });
    expect(keeper.status().generation).toBe(2);
  });

  it("is the credentialProvider of a library that takes a function, whatever it is called with", async () => {
    const { keeper } = await keeperOnSimulator();
    const library = new Library({ credentialProvider: keeper.provider });

    for (const given of [[], [null], ["us-east-1"], [() => {}]]) {
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = await library.credentialProvider(
        ...(given as never[]),
      );

      expect(accessKeyId).toMatch(/^ASIA/);
      expect(secretAccessKey).toEqual(expect.any(String));
      expect(sessionToken).toEqual(expect.any(String));
      expect(expiration).toEqual(expect.any(Date));
    }
  });

  it("gives a snapshot that serves until its end as credentials as such", async () => {
    const { keeper, client } = await keeperOnSimulator();
    const snapshot = JSON.parse(JSON.stringify(await keeper.snapshot()));

    const s3 = client({ ...snapshot, expiration: new Date(snapshot.expiration) });

    await expect(s3.send(new ListBucketsCommand({}))).resolves.toMatchObject({ Buckets: [] });
    expect(new Date(snapshot.expiration).getTime()).toBe(keeper.status().expiresAt);
  });
});
