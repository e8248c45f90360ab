/**
 * The tree of IMDS as it follows from a description of the instance, and how a directory of it is printed. What does not
 * apply to the instance is not there, and answered 404, as on EC2.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
 */

import { partitionOf } from "./iam.js";
import { architectureOf, type InstanceDescription, privateHostname, publicHostname } from "./instance/description.js";
import type { InstanceIdentity } from "./instance/identity.js";
import { instant } from "./instant.js";

/** Path below `/latest/` → value; the dear ones are made when they are asked for. */
export type Categories = Map<string, string | (() => string)>;

/** What was released when: the versions that `/` lists. Each of them answers as `latest` does. */
export const IMDS_VERSIONS =
  `1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01 2009-04-04 2011-01-01 2011-05-01
  2012-01-12 2014-02-25 2014-11-05 2015-10-20 2016-04-19 2016-06-30 2016-09-02 2018-03-28 2018-08-17 2018-09-24 2019-10-01
  2020-10-27 2021-01-03 2021-03-23 2021-07-15 2022-09-24 2024-04-11`.split(/\s+/);

/** Families from before Nitro. */
const XEN_FAMILIES = /^(?:t[12]|m[1-4]|c[1-4]|cc2|r[34]|i[23]|d2|h1|x1e?|p[23]|g[23]|f1)\./;

export function categories(
  description: InstanceDescription,
  { identity, tags }: { readonly identity: InstanceIdentity; readonly tags: boolean },
): Categories {
  const tree: Categories = new Map();
  const put = (directory: string, values: Readonly<Record<string, string | number | null | undefined>>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value !== null && value !== undefined && value !== "") tree.set(`${directory}${name}`, String(value));
    }
  };
  put("meta-data/", general(description));
  put("meta-data/block-device-mapping/", { ami: "/dev/xvda", root: "/dev/xvda" });
  put("meta-data/placement/", placement(description));
  put(`meta-data/network/interfaces/macs/${description.mac}/`, networkInterface(description));
  const { partition, domain } = partitionOf(description.region);
  put("meta-data/services/", { domain, partition });
  put("meta-data/metrics/", { vhostmd: '<?xml version="1.0" encoding="UTF-8"?>' });
  put("meta-data/hibernation/", { configured: "false" });
  if (description.keyName !== null) {
    tree.set("meta-data/public-keys/0/openssh-key", `${description.publicKey} ${description.keyName}`);
  }
  if (tags) put("meta-data/tags/instance/", description.tags);
  tree.set("dynamic/fws/instance-monitoring", description.monitoring);
  const document = identityDocument(description);
  tree.set("dynamic/instance-identity/document", document);
  tree.set("dynamic/instance-identity/signature", () => identity.signature(document));
  for (const name of ["pkcs7", "rsa2048"]) {
    tree.set(`dynamic/instance-identity/${name}`, () => identity.pkcs7(document, description.launchedAt));
  }
  if (description.userData !== null) tree.set("user-data", description.userData);
  return tree;
}

function general(description: InstanceDescription) {
  const { publicIpv4, region } = description;
  const host = privateHostname(description);
  return {
    "ami-id": description.amiId,
    "ami-launch-index": description.amiLaunchIndex,
    "ami-manifest-path": "(unknown)",
    "ancestor-ami-ids": description.ancestorAmiIds.join("\n"),
    hostname: host,
    "instance-action": "none",
    "instance-id": description.instanceId,
    "instance-life-cycle": description.lifeCycle,
    "instance-type": description.instanceType,
    ipv6: description.ipv6,
    "kernel-id": description.kernelId,
    "local-hostname": host,
    "local-ipv4": description.privateIpv4,
    mac: description.mac,
    "product-codes": description.productCodes.join("\n"),
    profile: "default-hvm",
    "public-hostname": publicIpv4 === null ? null : publicHostname(publicIpv4, region),
    "public-ipv4": publicIpv4,
    "ramdisk-id": description.ramdiskId,
    "reservation-id": description.reservationId,
    "security-groups": description.securityGroups.map(({ name }) => name).join("\n"),
    system: XEN_FAMILIES.test(description.instanceType) ? "xen" : "nitro",
  };
}

function placement(description: InstanceDescription) {
  return {
    "availability-zone": description.availabilityZone,
    "availability-zone-id": description.availabilityZoneId,
    "group-name": description.groupName,
    "host-id": description.hostId,
    "partition-number": description.partitionNumber,
    region: description.region,
  };
}

function networkInterface(description: InstanceDescription) {
  const { publicIpv4, privateIpv4, ipv6, region } = description;
  return {
    "device-number": 0,
    "interface-id": description.interfaceId,
    ...(publicIpv4 === null ? {} : { [`ipv4-associations/${publicIpv4}`]: privateIpv4 }),
    ipv6s: ipv6,
    "local-hostname": privateHostname(description),
    "local-ipv4s": privateIpv4,
    mac: description.mac,
    "network-card": 0,
    "owner-id": description.accountId,
    "public-hostname": publicIpv4 === null ? null : publicHostname(publicIpv4, region),
    "public-ipv4s": publicIpv4,
    "security-group-ids": description.securityGroups.map(({ id }) => id).join("\n"),
    "security-groups": description.securityGroups.map(({ name }) => name).join("\n"),
    "subnet-id": description.subnetId,
    "subnet-ipv4-cidr-block": description.subnetCidr,
    "subnet-ipv6-cidr-blocks": ipv6 === null ? null : ipv6Block(ipv6, 64),
    "vpc-id": description.vpcId,
    "vpc-ipv4-cidr-block": description.vpcCidr,
    "vpc-ipv4-cidr-blocks": description.vpcCidr,
    "vpc-ipv6-cidr-blocks": ipv6 === null ? null : ipv6Block(ipv6, 56),
  };
}

/** The block of a VPC (/56) or of a subnet (/64) around an address. */
function ipv6Block(address: string, bits: 56 | 64): string {
  const [head = "", tail = ""] = address.split("::");
  const left = head.split(":").filter(Boolean);
  const right = tail.split(":").filter(Boolean);
  const middle = address.includes("::") ? Array.from({ length: 8 - left.length - right.length }, () => "0") : [];
  const groups = [...left, ...middle, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16));
  if (bits === 56) groups[3] = (groups[3] ?? 0) & 0xff00;
  return `${groups.map((group) => group.toString(16)).join(":")}::/${bits}`;
}

function identityDocument(description: InstanceDescription): string {
  const { productCodes, kernelId, ramdiskId } = description;
  const document = {
    accountId: description.accountId,
    architecture: architectureOf(description),
    availabilityZone: description.availabilityZone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: productCodes.length === 0 ? null : productCodes,
    imageId: description.amiId,
    instanceId: description.instanceId,
    instanceType: description.instanceType,
    kernelId,
    pendingTime: instant(description.launchedAt),
    privateIp: description.privateIpv4,
    ramdiskId,
    region: description.region,
    version: "2017-09-30",
  };
  return printed(document);
}

/** JSON as IMDS prints it, with a blank on either side of a colon. */
export function printed(document: object): string {
  return JSON.stringify(document, null, 2).replace(/^( *"[^"]*"):/gm, "$1 :");
}

/** A directory as IMDS prints it: a name a line, those of directories with a slash; undefined when there is none. */
export function listing(paths: Iterable<string>, directory: string): string | undefined {
  const prefix = directory === "" || directory.endsWith("/") ? directory : `${directory}/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name = "", ...below] = path.slice(prefix.length).split("/");
    // The three at the top stand without a slash.
    if (name !== "") names.add(below.length > 0 && prefix !== "" ? `${name}/` : name);
  }
  return names.size === 0 ? undefined : [...names].sort().join("\n");
}
