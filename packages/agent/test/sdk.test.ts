/**
 * The AWS SDK for JavaScript as it is, with its default chain, behind the agent: days pass, IMDS fails in its ways, and no
 * expired token reaches it. The same SDK straight at the same IMDS is the counter-test.
 */

import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import type { VirtualClock } from "@evertoken/core";
import { type FaultName, type FaultOptions, followClock, type Simulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOUR, host, instance, MINUTE, OWN } from "./host.js";

/** The environment that the SDK reads when its client is made and asked first. */
function environment(variables: Record<string, string>): void {
  const cleared = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
  const all = { ...Object.fromEntries(cleared.map((name) => [name, ""])), ...variables };
  const before = Object.fromEntries(Object.keys(all).map((name) => [name, process.env[name]]));
  Object.assign(process.env, all);
  onTestFinished(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** The SDK judges ends by `Date.now()`: it lives in the simulated time, too. */
function stockClient(simulator: Simulator, clock: VirtualClock): S3Client {
  onTestFinished(followClock(clock));
  const client = new S3Client({
    region: "us-east-1",
    endpoint: simulator.s3Url,
    forcePathStyle: true,
  });
  onTestFinished(() => client.destroy());
  return client;
}

interface Trouble {
  readonly fault: FaultName;
  readonly options?: FaultOptions;
  readonly fromHour: number;
  readonly hours: number;
}

/** Two days; whatever lasts is over before the credentials held at its start are. */
const TROUBLES: readonly Trouble[] = [
  { fault: "imds-down", fromHour: 3, hours: 4 },
  { fault: "imds-error", fromHour: 10, hours: 3 },
  { fault: "session-tokens-forgotten", fromHour: 15, hours: 0 },
  { fault: "imds-token-fails-once", fromHour: 15, hours: 0 },
  { fault: "credentials-stuck", fromHour: 20, hours: 4 },
  { fault: "imds-slow", options: { delayMs: 20 }, fromHour: 30, hours: 2 },
  { fault: "imds-error", options: { status: 429 }, fromHour: 36, hours: 4 },
];

const STEP = 10 * MINUTE;

/** One request every ten minutes. Gives the names of the errors that reached the caller. */
async function live(client: S3Client, simulator: Simulator, clock: VirtualClock, hours: number): Promise<string[]> {
  const errors: string[] = [];
  const startedAt = clock.now();
  const ending: { readonly at: number; end(): void }[] = [];
  const coming = [...TROUBLES];
  while (clock.now() - startedAt < hours * HOUR) {
    const hour = (clock.now() - startedAt) / HOUR;
    while (coming[0] !== undefined && coming[0].fromHour <= hour) {
      const { fault, options, hours: lasts } = coming.shift() as Trouble;
      const active = simulator.fault(fault, options);
      if (lasts > 0) ending.push({ at: hour + lasts, end: () => active.end() });
    }
    for (const { at, end } of ending) if (at <= hour) end();
    try {
      await client.send(new ListBucketsCommand({}));
    } catch (error) {
      errors.push((error as Error).name);
    }
    await clock.advance(STEP);
  }
  return errors;
}

describe("the AWS SDK for JavaScript with its default chain", { timeout: 60_000 }, () => {
  it("sees no expired token for two days behind the container endpoint", async () => {
    const { agent, simulator, clock } = await host();
    environment({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.containerUrl}${OWN}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: agent.tokenFile,
    });

    const errors = await live(stockClient(simulator, clock), simulator, clock, 48);

    expect(errors).toEqual([]);
    expect(agent.status().answers).toBeGreaterThan(5);
  });

  it("sees none behind the IMDS endpoint either", async () => {
    const { agent, simulator, clock } = await host();
    environment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: agent.imdsUrl ?? "", AWS_EC2_METADATA_V1_DISABLED: "true" });

    const errors = await live(stockClient(simulator, clock), simulator, clock, 48);

    expect(errors).toEqual([]);
    expect(agent.status().answers).toBeGreaterThan(5);
  });

  it("does fail straight at the same IMDS", async () => {
    const { simulator, clock } = await instance();
    environment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl, AWS_EC2_METADATA_V1_DISABLED: "true" });

    const errors = await live(stockClient(simulator, clock), simulator, clock, 8);

    expect(errors.length).toBeGreaterThan(0);
  });
});
