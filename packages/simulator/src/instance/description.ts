/**
 * What the made-up instance is: realistic, consistent, and the same for the same seed. Every category of IMDS follows from
 * this description, so that whoever changes the instance type finds it in the identity document as well.
 *
 * Addresses come from the ranges that are set aside for documents (RFC 5737, RFC 3849): a program that takes them seriously
 * reaches nobody.
 */

import { partitionOf } from "../iam.js";
import { seededBytes, seededHex } from "../seeded.js";

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
}

export interface InstanceDescription {
  readonly accountId: string;
  readonly region: string;
  readonly partition: string;
  readonly instanceId: string;
  readonly instanceType: string;
  /** Epoch milliseconds. */
  readonly launchedAt: number;
  readonly lifeCycle: "on-demand" | "spot" | "scheduled";
  readonly amiId: string;
  readonly amiLaunchIndex: number;
  readonly ancestorAmiIds: readonly string[];
  readonly reservationId: string;
  readonly kernelId: string | null;
  readonly ramdiskId: string | null;
  readonly productCodes: readonly string[];
  readonly monitoring: "enabled" | "disabled";
  readonly availabilityZone: string;
  readonly availabilityZoneId: string;
  /** Name of the placement group. */
  readonly groupName: string | null;
  /** The dedicated host. */
  readonly hostId: string | null;
  readonly partitionNumber: number | null;
  readonly mac: string;
  readonly interfaceId: string;
  readonly vpcId: string;
  readonly vpcCidr: string;
  readonly subnetId: string;
  readonly subnetCidr: string;
  readonly privateIpv4: string;
  readonly publicIpv4: string | null;
  readonly ipv6: string | null;
  readonly securityGroups: readonly SecurityGroup[];
  /** Name of the key pair it was launched with. */
  readonly keyName: string | null;
  /** In OpenSSH's form. */
  readonly publicKey: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly userData: string | null;
}

/** @param region as `us-east-1` */
export function describeInstance(seed: number, region: string, launchedAt: number): InstanceDescription {
  const id = (prefix: string) => `${prefix}-0${seededHex(seed, prefix, 16)}`;
  const [zone = 0, third = 0, fourth = 0, publicByte = 0, zoneNumber = 0] = seededBytes(seed, "placement", 5);
  // A default VPC: 172.31.0.0/16 with a /20 for each zone.
  const net = (zone % 3) * 16;
  return {
    accountId: accountIdOf(seed),
    region,
    partition: partitionOf(region).partition,
    instanceId: id("i"),
    instanceType: "m7i.large",
    launchedAt,
    lifeCycle: "on-demand",
    amiId: id("ami"),
    amiLaunchIndex: 0,
    ancestorAmiIds: [],
    reservationId: id("r"),
    kernelId: null,
    ramdiskId: null,
    productCodes: [],
    monitoring: "disabled",
    availabilityZone: `${region}${"abc"[zone % 3]}`,
    availabilityZoneId: `${shortRegion(region)}-az${(zoneNumber % 6) + 1}`,
    groupName: null,
    hostId: null,
    partitionNumber: null,
    mac: `0a:${seededHex(seed, "mac", 10).replace(/..(?=.)/g, "$&:")}`,
    interfaceId: id("eni"),
    vpcId: id("vpc"),
    vpcCidr: "172.31.0.0/16",
    subnetId: id("subnet"),
    subnetCidr: `172.31.${net}.0/20`,
    privateIpv4: `172.31.${net + (third % 16)}.${4 + (fourth % 250)}`,
    publicIpv4: `198.51.100.${1 + (publicByte % 254)}`,
    ipv6: null,
    securityGroups: [{ id: id("sg"), name: "default" }],
    keyName: "evertoken-key",
    publicKey: publicKeyOf(seed),
    tags: { Name: "evertoken-simulator" },
    userData: null,
  };
}

export function architectureOf({ instanceType }: InstanceDescription): "arm64" | "x86_64" {
  // Graviton families have a g among the letters behind their generation.
  return /^a1\.|^[a-z]+\d+[a-z]*g/.test(instanceType) ? "arm64" : "x86_64";
}

/** A host name in the way of the region: `us-east-1` has another than all that came later. */
export function privateHostname({ privateIpv4, region }: InstanceDescription): string {
  const domain = region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
  return `ip-${privateIpv4.replaceAll(".", "-")}.${domain}`;
}

export function publicHostname(publicIpv4: string, region: string): string {
  const domain = region === "us-east-1" ? "compute-1" : `${region}.compute`;
  return `ec2-${publicIpv4.replaceAll(".", "-")}.${domain}.${partitionOf(region).domain}`;
}

function accountIdOf(seed: number): string {
  return BigInt(`0x${seededHex(seed, "account", 12)}`)
    .toString()
    .padStart(12, "7")
    .slice(-12);
}

/** `eu-central-1` → `euc1`, as zone ids begin. */
function shortRegion(region: string): string {
  const [area = "", ...others] = region.split("-");
  const number = others.pop() ?? "1";
  const directions = others.map((word) =>
    /^(?:north|south)(?:east|west)$/.test(word) ? `${word[0]}${word[5]}` : word[0],
  );
  return `${area}${directions.join("")}${number}`;
}

/** Looks like an Ed25519 key; nobody has its other half. */
function publicKeyOf(seed: number): string {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.of(0, 0, 0, bytes.length), bytes]);
  const blob = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(seededBytes(seed, "public-key", 32))]);
  return `ssh-ed25519 ${blob.toString("base64")}`;
}
