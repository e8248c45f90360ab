/** A Keeper on a container endpoint that really rotates, asks for a token, and is judged by the S3 beside it. */

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { createKeeper, fromContainer } from "@evertoken/credentials";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

const HOUR = 3_600_000;

async function keeperOn(via: "ecs" | "eks" | "container") {
  const clock = new VirtualClock();
  const simulator = await startSimulator({ clock });
  const source = fromContainer({ environment: simulator.environment({ via }), clock });
  const keeper = createKeeper({ source, clock });
  onTestFinished(async () => {
    keeper.close();
    source.close?.();
    await simulator.close();
  });
  const put = () => {
    const s3 = new S3Client({
      region: "us-east-1",
      endpoint: simulator.s3Url,
      forcePathStyle: true,
      credentials: keeper.provider,
      maxAttempts: 1,
      systemClockOffset: clock.now() - Date.now(),
    });
    onTestFinished(() => s3.destroy());
    return s3.send(new PutObjectCommand({ Bucket: "reports", Key: "a", Body: "b" }));
  };
  return { simulator, clock, keeper, put };
}

describe.each(["ecs", "eks", "container"] as const)("a keeper on the container endpoint of %s", (via) => {
  it("holds what S3 takes, after days as on the first", async () => {
    const { keeper, put, clock, simulator } = await keeperOn(via);
    await put();
    const first = keeper.status().generation;

    // Two days: the pod's token has ended meanwhile, and there is another one in its file.
    for (let hours = 0; hours < 48; hours += 4) {
      await clock.advance(4 * HOUR);
      await keeper.refresh();
      await put();
    }

    expect(keeper.status().generation).toBeGreaterThan(first);
    expect(
      simulator.journal.entries(({ service }) => service === "s3").every(({ decision }) => decision === "ok"),
    ).toBe(true);
  });

  it("holds others as soon as S3 has refused what was revoked", async () => {
    const { simulator, keeper, put } = await keeperOn(via);
    const before = await keeper.provider();
    simulator.fault("credentials-revoked");
    await expect(put()).rejects.toMatchObject({ name: "ExpiredToken" });

    void keeper.reject(before.accessKeyId, "ExpiredToken");

    expect((await keeper.provider()).accessKeyId).not.toBe(before.accessKeyId);
    await put();
  });
});
