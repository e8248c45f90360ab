/**
 * The addresses that real instances have, in a network of its own (`unshare`), so that none of this host's is touched. Where
 * that is not allowed the test is skipped and says so.
 */

import { execFile as execFileWithCallback, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";

const execFile = promisify(execFileWithCallback);

const UNSHARE = "unshare";
const NETWORK = "ip link set lo up && ip addr add 169.254.169.254/32 dev lo && ip addr add 169.254.170.2/32 dev lo";

const isMissing = spawnSync(UNSHARE, ["-rn", "sh", "-c", NETWORK]).status !== 0;
if (isMissing) console.warn("SKIPPED: unshare and ip do not give a network of its own here");

/** A program that is told nothing but its region and, in a task, the relative URI. */
const PROGRAM = `
  import { fromHttp, fromContainerMetadata, fromInstanceMetadata } from "@aws-sdk/credential-providers";
  import { startSimulator } from "@evertoken/simulator";
  const simulator = await startSimulator({ linkLocal: true });
  const environment = simulator.environment({ via: "ecs" });
  process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  for (const provider of [fromHttp(), fromContainerMetadata(), fromInstanceMetadata()]) {
    console.log((await provider()).accessKeyId);
  }
  await simulator.close();
`;

describe("a simulator at the link-local addresses", () => {
  it.skipIf(isMissing)("is found by the stock SDK as on EC2 and on ECS, with a relative URI", async () => {
    const node = `${NETWORK} && exec "$0" --input-type=module --eval "$1"`;
    const { stdout } = await execFile(UNSHARE, ["-rn", "sh", "-c", node, process.execPath, PROGRAM], {
      cwd: import.meta.dirname,
      timeout: 15_000,
    });

    const [http, container, instance] = stdout.trim().split("\n");

    expect(http).toMatch(/^ASIA[A-Z2-7]{16}$/);
    expect(container).toBe(http);
    expect(instance).toMatch(/^ASIA[A-Z2-7]{16}$/);
    expect(instance).not.toBe(http);
  });

  it("says what is missing when the loopback interface does not have them", async () => {
    await expect(startSimulator({ linkLocal: true })).rejects.toThrow(
      "linkLocal needs 169.254.169.254 on the loopback interface: ip addr add 169.254.169.254/32 dev lo",
    );
  });
});
