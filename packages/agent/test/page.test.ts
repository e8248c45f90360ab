import type { IncomingMessage, ServerResponse } from "node:http";
import type { AgentOptions } from "@evertoken/agent";
import { VirtualClock } from "@evertoken/core";
import type { Hello, LiveFeed } from "@evertoken/telemetry/live";
import { describe, expect, it } from "vitest";
import { type Answer, agentOn, eventually, HOUR, host, instance, raw, request } from "./host.js";

const BROWSER = {
  accept: "text/html,*/*",
  "sec-fetch-site": "none",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
  referer: "http://127.0.0.1/",
};

/** An agent with a page that answers with all it knows; /stream stays open. */
async function watchedHost(options: AgentOptions = {}, clock = new VirtualClock()) {
  const told: { live?: LiveFeed; closed: number } = { closed: 0 };
  const open = new Set<() => void>();
  const page = (live: LiveFeed) => {
    told.live = live;
    return {
      owns: ({ headers, url }: IncomingMessage) => headers.accept?.includes("text/html") === true || url === "/stream",
      handle: ({ url }: IncomingMessage, response: ServerResponse) => {
        if (url !== "/stream") return void response.end(JSON.stringify(live.hello()));
        response.write("open\n");
        open.add(() => response.end());
      },
      close() {
        told.closed += 1;
        for (const end of open) end();
      },
    };
  };
  const { simulator } = await instance({ clock });
  const scene = await agentOn(simulator, { page, ...options });
  const hello = (answer: Answer) => JSON.parse(answer.body) as Hello;
  const shown = async () => hello(await request(`${scene.agent.adminUrl}/`, { headers: BROWSER }));
  return { ...scene, simulator, clock, told, shown };
}

describe("the agent's page", () => {
  it("is shown to browsers on the admin port, and on no other", async () => {
    const { agent, shown } = await watchedHost();

    expect(await shown()).toMatchObject({ subject: "agent", state: { speed: 0, lanes: [{ name: "agent" }] } });
    for (const url of [`${agent.containerUrl}/`, `${agent.imdsUrl}/`]) {
      expect((await request(url, { headers: BROWSER })).status).toBe(403);
    }
    expect((await request(`${agent.adminUrl}/healthz`)).body).toBe("ok\n");
  });

  it("leaves the guard of everything else as it is", async () => {
    const { agent } = await watchedHost();
    const { accept: _, ...browser } = BROWSER;

    for (const path of ["/metrics", "/v1/status"]) {
      expect((await request(`${agent.adminUrl}${path}`, { headers: browser })).status).toBe(403);
    }
  });

  it("shows what the agent holds, for how long, what it asked, and how often it answered", async () => {
    const { agent, clock, credentials, shown } = await watchedHost();
    const { AccessKeyId, SecretAccessKey, Token } = await credentials();
    await clock.advance(1000);

    const hello = await shown();

    const { expiresAt = 0 } = agent.status().credentials[0] ?? {};
    const [lane] = hello.state.lanes;
    expect(lane).toMatchObject({
      keepers: [
        {
          name: "default",
          state: "fresh",
          role: "evertoken-role",
          generations: [{ accessKeyId: AccessKeyId, expiresAt }],
        },
      ],
      totals: { requests: 1, refreshes: 1, imdsAnswers: { 200: 3 } },
    });
    expect(Math.abs((lane?.survivalMs ?? 0) - (expiresAt - clock.now()))).toBeLessThan(2000);
    for (const secret of [SecretAccessKey, Token]) expect(JSON.stringify(hello)).not.toContain(secret);
  });

  it("tells of an outage and of its end", async () => {
    const { clock, simulator, shown } = await watchedHost();
    const kinds = async () => (await shown()).told.map(({ kind }) => kind);

    const fault = simulator.fault("imds-error");
    const during = await eventually(
      async () => {
        await clock.advance(HOUR / 60);
        return kinds();
      },
      (told) => told.includes("refresh-failed"),
    );
    fault.end();
    const after = await eventually(
      async () => {
        await clock.advance(HOUR / 60);
        return kinds();
      },
      (told) => told.includes("refresh-recovered"),
    );

    expect(during).toContain("refresh-failed");
    expect(after).toContain("refresh-recovered");
    expect(after.filter((kind) => kind === "refresh-failed")).toHaveLength(1);
  });

  it("does not keep the agent from ending, streams and all", async () => {
    const { agent, told } = await watchedHost({ drainMs: 60_000 }, new VirtualClock({ realNetwork: true }));
    const { socket, send, answer } = raw(agent.adminUrl);
    send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));

    await agent.close();

    expect(told.closed).toBe(1);
    // To its end, not cut off when the time for draining is over.
    expect(await answer()).toMatch(/open\n\r\n0\r\n\r\n$/);
  });

  it("is not there unless it was asked for", async () => {
    const { agent } = await host();

    expect((await request(`${agent.adminUrl}/`, { headers: BROWSER })).status).toBe(403);
    expect((await request(`${agent.adminUrl}/`)).status).toBe(404);
  });
});
