/** What can be said about the instance in place of the values that follow from the seed: in code, or in a YAML or JSON file. */

import { readFile } from "node:fs/promises";
import { check, describeError, InvalidInputError } from "@evertoken/core";
import * as v from "valibot";
import { contentOf, yaml } from "../lazily.js";
import { whole } from "../whole-number.js";
import type { InstanceDescription } from "./description.js";

const text = (pattern: RegExp, expected: string) => {
  const message = (issue: { input: unknown }) => `is ${JSON.stringify(issue.input)}: expected ${expected}`;
  return v.pipe(v.string(message), v.regex(pattern, message));
};

const id = (prefix: string) =>
  text(new RegExp(`^${prefix}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`), `${prefix}- and 17 (or 8) hexadecimal digits`);

const ipv4 = text(/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/, "an IPv4 address");
const cidr = text(/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)[./]){4}(?:3[0-2]|[12]?\d)$/, "an IPv4 block, as 10.0.0.0/16");
const ipv6 = text(/^(?=.*:.*:)[0-9a-f:]{2,39}$/, "an IPv6 address in lower case");
const name = text(/^[^\p{Cc}]{1,255}$/u, "1 to 255 printable characters");

/** Tags that IMDS can tell: their names become parts of paths. */
const tags = v.record(
  text(
    /^(?!\.{1,2}$|_index$)[\w+\-=.,:@]{1,128}$/,
    "the name of a tag as instance metadata allows it: letters, digits and +-=.,_:@",
  ),
  v.pipe(v.string("must be text: put numbers and true in quotes"), v.maxLength(256, "must be 256 characters at most")),
);

const categoryPath = text(
  /^(?!.*(?:^|\/)(?:\/|$))(?:meta-data|dynamic)\/[^\s?#]+$/,
  "a path that begins with meta-data/ or dynamic/ and ends without a slash",
);

const fields = v.strictObject({
  accountId: v.optional(text(/^\d{12}$/, "12 digits in quotes")),
  instanceId: v.optional(id("i")),
  instanceType: v.optional(text(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "a type, as m7i.large")),
  lifeCycle: v.optional(
    v.picklist(
      ["on-demand", "spot", "scheduled"],
      (issue) => `is ${issue.received}: expected on-demand, spot or scheduled`,
    ),
  ),
  amiId: v.optional(id("ami")),
  amiLaunchIndex: v.optional(whole(0, 100_000)),
  ancestorAmiIds: v.optional(v.array(id("ami"))),
  reservationId: v.optional(id("r")),
  kernelId: v.optional(v.nullable(id("aki"))),
  ramdiskId: v.optional(v.nullable(id("ari"))),
  productCodes: v.optional(v.array(name)),
  monitoring: v.optional(
    v.picklist(["enabled", "disabled"], (issue) => `is ${issue.received}: expected enabled or disabled`),
  ),
  availabilityZone: v.optional(text(/^[a-z]{2,4}(?:-[a-z]+)+-\d[a-z0-9-]*$/, "a zone, as us-east-1a")),
  availabilityZoneId: v.optional(text(/^[a-z]{2,}\d-[a-z0-9-]+$/, "a zone's id, as use1-az4")),
  groupName: v.optional(v.nullable(name)),
  hostId: v.optional(v.nullable(id("h"))),
  partitionNumber: v.optional(v.nullable(whole(1, 7))),
  mac: v.optional(text(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/, "a MAC address in lower case")),
  interfaceId: v.optional(id("eni")),
  vpcId: v.optional(id("vpc")),
  vpcCidr: v.optional(cidr),
  subnetId: v.optional(id("subnet")),
  subnetCidr: v.optional(cidr),
  privateIpv4: v.optional(ipv4),
  publicIpv4: v.optional(v.nullable(ipv4)),
  ipv6: v.optional(v.nullable(ipv6)),
  securityGroups: v.optional(v.array(v.strictObject({ id: id("sg"), name }))),
  keyName: v.optional(v.nullable(name)),
  publicKey: v.optional(
    text(/^(?:ssh|ecdsa)-[\w-]+ [A-Za-z0-9+/]+=*$/, "a public key in OpenSSH's form, without a comment"),
  ),
  tags: v.optional(tags),
  userData: v.optional(v.nullable(v.string("must be text"))),
  categories: v.optional(
    v.record(
      categoryPath,
      v.nullable(v.string("must be text, or null to have it answered 404: put numbers in quotes")),
    ),
  ),
});

const isRecord = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
const schema = v.pipe(v.custom<object>(isRecord, "must be fields of the instance with their values"), fields);

/**
 * Each field in place of the one that follows from the seed. `null`: the instance has none. `categories`: values of single
 * paths, `meta-data/profile` say, whatever the rest says; `null` there has the path answered 404.
 */
export type InstanceOverrides = {
  readonly [Name in Exclude<keyof InstanceDescription, "region" | "partition" | "launchedAt">]?:
    | InstanceDescription[Name]
    | undefined;
} & { readonly categories?: Readonly<Record<string, string | null>> | undefined };

/** @throws InvalidInputError naming each field that is wrong, and `where` it stands. */
export function instanceOverrides(value: unknown, where: string, region: string): InstanceOverrides {
  const overrides = check(schema, value, where);
  const { availabilityZone } = overrides;
  if (availabilityZone !== undefined && !availabilityZone.startsWith(region)) {
    const message = `is ${availabilityZone}: expected a zone of ${region}, the simulator's region`;
    throw new InvalidInputError(where, [{ field: "availabilityZone", message }]);
  }
  return overrides;
}

/**
 * Overrides from a file. JSON is YAML too, so one parser reads both.
 * @throws InvalidInputError naming the file, and the line or the field that is wrong.
 */
export async function readInstanceFile(path: string, region: string): Promise<InstanceOverrides> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (cause) {
    throw new InvalidInputError(path, [{ field: "file", message: `cannot be read: ${describeError(cause)}` }], {
      cause,
    });
  }
  const document = yaml().parseDocument(content, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const [{ line, col } = { line: 1, col: 1 }] = problem.linePos ?? [];
    const message = `is not YAML: ${problem.message.split("\n", 1)[0]}`;
    throw new InvalidInputError(path, [{ field: `line ${line}, column ${col}`, message }]);
  }
  // An empty file changes nothing.
  return instanceOverrides(contentOf(document, path) ?? {}, path, region);
}
