/** The values that IMDS has beside tokens and credentials: realistic, consistent, and the same for the same seed. */

import { createHash } from "node:crypto";

export interface InstanceFacts {
  readonly accountId: string;
  readonly instanceId: string;
  readonly region: string;
  readonly availabilityZone: string;
}

export function instanceFacts(seed: number, region: string): InstanceFacts {
  const hex = createHash("sha256").update(`instance/${seed}`).digest("hex");
  return {
    accountId: BigInt(`0x${hex.slice(0, 12)}`)
      .toString()
      .padStart(12, "7")
      .slice(-12),
    instanceId: `i-0${hex.slice(12, 28)}`,
    region,
    availabilityZone: `${region}a`,
  };
}

/** Path → value. Whatever lies below a path makes it a directory. */
export function categories({ accountId, instanceId, region, availabilityZone }: InstanceFacts): Map<string, string> {
  const instanceType = "m7i.large";
  const document = {
    accountId,
    architecture: "x86_64",
    availabilityZone,
    instanceId,
    instanceType,
    privateIp: "10.0.0.10",
    region,
    version: "2017-09-30",
  };
  return new Map([
    ["/latest/meta-data/instance-id", instanceId],
    ["/latest/meta-data/instance-type", instanceType],
    ["/latest/meta-data/local-ipv4", "10.0.0.10"],
    ["/latest/meta-data/placement/availability-zone", availabilityZone],
    ["/latest/meta-data/placement/region", region],
    ["/latest/dynamic/instance-identity/document", JSON.stringify(document, null, 2)],
  ]);
}

/** A directory as IMDS prints it: a name a line, those of directories with a slash; undefined when there is none. */
export function listing(paths: Iterable<string>, directory: string): string | undefined {
  const prefix = directory.endsWith("/") ? directory : `${directory}/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name = "", ...below] = path.slice(prefix.length).split("/");
    if (name !== "") names.add(below.length > 0 ? `${name}/` : name);
  }
  return names.size === 0 ? undefined : [...names].sort().join("\n");
}
