/** An agent on a host whose clock is set while it runs. IMDS has a clock of its own, which is right. */

import { VirtualClock } from "@evertoken/core";
import { fromImds } from "@evertoken/credentials";
import { describe, expect, it, onTestFinished } from "vitest";
import { agentOn, eventually, HOUR, instance, MINUTE } from "./host.js";

async function hostWithItsOwnClock() {
  const { simulator, clock: clockOfImds } = await instance();
  const clock = new VirtualClock({ startAt: clockOfImds.now(), realNetwork: true });
  const source = fromImds({ endpoint: simulator.imdsUrl, clock, attempts: 1 });
  onTestFinished(() => source.close?.());
  const pass = async (ms: number) => {
    await clockOfImds.advance(ms);
    await clock.advance(ms);
  };
  return { simulator, clock, pass, ...(await agentOn(simulator, { clock, source })) };
}

describe("an agent whose host's clock is set", () => {
  it.each([8 * HOUR, 2 * HOUR, -8 * HOUR])(
    "by %d ms goes on with what it holds, and says what happened",
    async (byMs) => {
      const { clock, agent, ask, admin, credentials, log } = await hostWithItsOwnClock();
      const before = await credentials();

      clock.step(byMs);
      await eventually(ask, ({ status }) => status === 200);
      await eventually(
        async () => agent.status(),
        ({ credentials: [own] }) => Math.abs((own?.secondsLeft ?? 0) - 6 * 3600) <= 2,
      );

      expect((await credentials()).AccessKeyId).toBe(before.AccessKeyId);
      expect(log.all).toContainEqual(
        expect.objectContaining({ message: expect.stringContaining("clock was set"), byMs }),
      );
      expect(agent.status().lastClockStep).toEqual({ at: clock.now(), byMs });
      expect(JSON.parse((await admin("/readyz")).body).lastClockStep).toEqual({ at: clock.now(), byMs });
    },
  );

  it("back while IMDS is down hands out nothing beyond its true end", async () => {
    const { simulator, clock, pass, ask } = await hostWithItsOwnClock();
    simulator.fault("imds-down");

    clock.step(-8 * HOUR);
    expect((await ask()).status).toBe(200);
    await pass(6 * HOUR - 6 * MINUTE);
    expect((await ask()).status).toBe(200);
    await pass(2 * MINUTE);

    expect((await ask()).status).toBe(503);
  });

  it("forward while IMDS is down hands out nothing that has ended by that clock", async () => {
    const { simulator, clock, ask } = await hostWithItsOwnClock();
    simulator.fault("imds-down");

    clock.step(6 * HOUR);

    expect((await ask()).status).toBe(503);
  });

  it("tells of no step when time only passes", async () => {
    const { agent, pass, ask } = await hostWithItsOwnClock();

    for (let hour = 0; hour < 3; hour++) {
      await pass(HOUR);
      await ask();
    }

    expect(agent.status().lastClockStep).toBeUndefined();
  });
});
