import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const MEASURE = new URL("../measure/survival.mjs", import.meta.url).pathname;

interface Survived {
  readonly name: string;
  readonly worstMinutes: number;
}

describe("an outage of IMDS that begins at any moment", () => {
  it("is survived for nearly five hours at the worst, where the stock SDK has minutes", {
    timeout: 120_000,
  }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MEASURE, "60", "--json"]);

    const [keeper, stock] = JSON.parse(stdout) as Survived[];
    expect(keeper?.worstMinutes).toBeGreaterThanOrEqual(4 * 60 + 50);
    expect(stock?.worstMinutes).toBeLessThan(60);
  });
});
