import { describe, expect, it } from "vitest";
import { HOUR, host } from "./host.js";

/** The samples of a metric, by their labels. */
function samplesOf(page: string, metric: string): Record<string, number> {
  const lines = page.split("\n").filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = "", value] = /^[^{ ]+(\{.*\})? (\S+)/.exec(line) ?? [];
      return [labels, Number(value)];
    }),
  );
}

describe("the agent's page of metrics", () => {
  it("tells until when the credentials are good, and how long an outage would be survived", async () => {
    const { admin, clock, agent } = await host({}, { credentialLifetimeMs: 6 * HOUR });

    const answer = await admin("/metrics");

    expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    const [ends] = Object.values(samplesOf(answer.body, "evertoken_credentials_expiration_timestamp_seconds"));
    expect(ends).toBe((agent.status().credentials[0]?.expiresAt ?? 0) / 1000);
    const [[labels = "", survival = 0] = []] = Object.entries(
      samplesOf(answer.body, "evertoken_outage_survival_seconds"),
    );
    expect(labels).toContain('keeper="default"');
    expect(survival).toBeGreaterThan((ends ?? 0) - clock.now() / 1000 - 600);
  });

  it("counts failed refreshes while the source is away", async () => {
    const { admin, clock, simulator } = await host();
    simulator.fault("imds-error");

    await clock.advance(HOUR);

    const { body } = await admin("/metrics");
    const failed = Object.entries(samplesOf(body, "evertoken_refreshes_total"))
      .filter(([labels]) => labels.includes('outcome="failed"'))
      .reduce((sum, [, count]) => sum + count, 0);
    expect(failed).toBeGreaterThan(3);
  });

  it("shows no secret", async () => {
    const { admin, credentials } = await host();
    const { SecretAccessKey, Token } = await credentials();

    const { body } = await admin("/metrics");

    expect(body).not.toContain(SecretAccessKey);
    expect(body).not.toContain(Token);
  });
});
