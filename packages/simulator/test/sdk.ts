/** The environment of one test, for SDKs that read it themselves. */

import { networkInterfaces } from "node:os";
import { onTestFinished } from "vitest";

/** Containers are often without. */
export const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

/** Puts variables into the process's environment until the test ends. */
export function withEnvironment(variables: Readonly<Record<string, string>>): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  onTestFinished(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}
