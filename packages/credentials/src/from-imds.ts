/** The instance role's credentials, by IMDSv2. */

import { createImdsClient, type ImdsOptions } from "@evertoken/imds";
import type { CredentialSource } from "./source.js";

/**
 * A source that asks the instance metadata service. Its options are those of `createImdsClient`.
 * @throws InvalidInputError when an option or environment variable is not what it must be.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 */
export function fromImds(options: ImdsOptions = {}): CredentialSource {
  const client = createImdsClient(options);
  return {
    get name() {
      return `IMDS at ${client.endpoint}`;
    },
    kind: "imds",
    watchable: true,
    on: (_, listener) => client.on("request", listener),
    load: async (request) => ({
      // Even when they have run out: the Keeper has nothing better then, and goes on asking.
      credentials: await client.credentials({ ...request, allowExpired: true }),
      skewMs: client.skewMs(),
    }),
    close: () => client.close(),
  };
}
