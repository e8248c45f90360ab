/** What an agent serves: this host's credentials, or those of a simulated instance. */

import type { AgentOptions } from "@evertoken/agent";
import { fromImds } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";

interface ServedSource {
  readonly options: Pick<AgentOptions, "source" | "imds">;
  close(): Promise<void>;
}

export async function sourceToServe(simulated: boolean): Promise<ServedSource> {
  // The agent finds them by itself, in AWS's order.
  if (!simulated) return { options: {}, close: async () => {} };
  // Loaded for those who want it: a real agent starts without.
  const { startSimulator } = await import("@evertoken/simulator");
  const simulator = await startSimulator();
  const source = fromImds({ endpoint: simulator.imdsUrl });
  const imds = createImdsClient({ endpoint: simulator.imdsUrl });
  process.stderr.write(`evertoken: simulated instance; S3 that takes its credentials at ${simulator.s3Url}\n`);
  return {
    options: { source, imds },
    async close() {
      source.close?.();
      imds.close();
      await simulator.close();
    },
  };
}
