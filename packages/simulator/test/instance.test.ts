import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MetadataService } from "@aws-sdk/ec2-metadata-service";
import { InvalidInputError } from "@evertoken/core";
import type { InstanceEvent, InstanceOverrides } from "@evertoken/simulator";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOUR, ROLES, simulated } from "./instance.js";

const META = "/latest/meta-data/";

async function instanceOf(options: Parameters<typeof simulated>[0] = {}) {
  const { imds, simulator, clock } = await simulated(options);
  const token = await imds.token();
  const status = async (path: string) => (await imds.get(`${META}${path}`, token)).status;
  const read = async (path: string) => {
    const answer = await imds.get(`${META}${path}`, token);
    return answer.status === 200 ? answer.text() : answer.status;
  };
  return { imds, simulator, clock, instance: simulator.instance, status, read, token };
}

async function fileWith(content: string, name = "instance.yaml") {
  const directory = await mkdtemp(join(tmpdir(), "evertoken-test-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

describe("the categories of an instance", () => {
  it.each([
    ["ami-id", /^ami-0[0-9a-f]{16}$/],
    ["ami-launch-index", /^0$/],
    ["ami-manifest-path", /^\(unknown\)$/],
    ["block-device-mapping/ami", /^\/dev\/xvda$/],
    ["block-device-mapping/root", /^\/dev\/xvda$/],
    ["events/maintenance/history", /^\[\]$/],
    ["events/maintenance/scheduled", /^\[\]$/],
    ["hostname", /^ip-172-31-\d+-\d+\.ec2\.internal$/],
    ["instance-action", /^none$/],
    ["instance-id", /^i-0[0-9a-f]{16}$/],
    ["instance-life-cycle", /^on-demand$/],
    ["instance-type", /^m7i\.large$/],
    ["local-hostname", /^ip-172-31-\d+-\d+\.ec2\.internal$/],
    ["local-ipv4", /^172\.31\.\d+\.\d+$/],
    ["mac", /^0a(?::[0-9a-f]{2}){5}$/],
    ["metrics/vhostmd", /xml/],
    ["placement/availability-zone", /^us-east-1[abc]$/],
    ["placement/availability-zone-id", /^use1-az[1-6]$/],
    ["placement/region", /^us-east-1$/],
    ["public-hostname", /^ec2-198-51-100-\d+\.compute-1\.amazonaws\.com$/],
    ["public-ipv4", /^198\.51\.100\.\d+$/],
    ["public-keys/", /^0=evertoken-key$/],
    ["public-keys/0/", /^openssh-key$/],
    ["public-keys/0/openssh-key", /^ssh-ed25519 [A-Za-z0-9+/]{68} evertoken-key$/],
    ["reservation-id", /^r-0[0-9a-f]{16}$/],
    ["security-groups", /^default$/],
    ["services/domain", /^amazonaws\.com$/],
    ["services/partition", /^aws$/],
    ["system", /^nitro$/],
    ["identity-credentials/ec2/info", /"AccountId" : "\d{12}"/],
    ["identity-credentials/ec2/security-credentials/ec2-instance", /"AccessKeyId" : "ASIA/],
  ])("%s reads %s", async (path, pattern) => {
    const { read } = await instanceOf();

    expect(await read(path)).toMatch(pattern);
  });

  it.each([
    ["device-number", /^0$/],
    ["interface-id", /^eni-0[0-9a-f]{16}$/],
    ["local-hostname", /^ip-172-31-\d+-\d+\.ec2\.internal$/],
    ["local-ipv4s", /^172\.31\.\d+\.\d+$/],
    ["network-card", /^0$/],
    ["owner-id", /^\d{12}$/],
    ["public-hostname", /^ec2-/],
    ["public-ipv4s", /^198\.51\.100\.\d+$/],
    ["security-group-ids", /^sg-0[0-9a-f]{16}$/],
    ["security-groups", /^default$/],
    ["subnet-id", /^subnet-0[0-9a-f]{16}$/],
    ["subnet-ipv4-cidr-block", /^172\.31\.\d+\.0\/20$/],
    ["vpc-id", /^vpc-0[0-9a-f]{16}$/],
    ["vpc-ipv4-cidr-block", /^172\.31\.0\.0\/16$/],
    ["vpc-ipv4-cidr-blocks", /^172\.31\.0\.0\/16$/],
  ])("the network interface's %s reads %s", async (name, pattern) => {
    const { read } = await instanceOf();
    const mac = await read("mac");

    expect(await read(`network/interfaces/macs/${mac}/${name}`)).toMatch(pattern);
  });

  it("associates the public address with the private one", async () => {
    const { read } = await instanceOf();

    const association = `network/interfaces/macs/${await read("mac")}/ipv4-associations/${await read("public-ipv4")}`;

    expect(await read(association)).toBe(await read("local-ipv4"));
  });

  it.each([
    "ancestor-ami-ids",
    "autoscaling/target-lifecycle-state",
    "events/recommendations/rebalance",
    "ipv6",
    "kernel-id",
    "placement/group-name",
    "placement/host-id",
    "placement/partition-number",
    "product-codes",
    "ramdisk-id",
    "spot/",
    "spot/instance-action",
    "spot/termination-time",
    "tags/",
    "tags/instance/Name",
  ])("%s is not there on a plain instance", async (path) => {
    const { status } = await instanceOf();

    expect(await status(path)).toBe(404);
  });

  it("are listed as EC2 prints them: a name a line, a slash behind those of directories", async () => {
    const { read, imds } = await instanceOf();
    const mac = await read("mac");

    expect(String(await read("")).split("\n")).toEqual([
      "ami-id",
      "ami-launch-index",
      "ami-manifest-path",
      "block-device-mapping/",
      "events/",
      "hibernation/",
      "hostname",
      "iam/",
      "identity-credentials/",
      "instance-action",
      "instance-id",
      "instance-life-cycle",
      "instance-type",
      "local-hostname",
      "local-ipv4",
      "mac",
      "metrics/",
      "network/",
      "placement/",
      "profile",
      "public-hostname",
      "public-ipv4",
      "public-keys/",
      "reservation-id",
      "security-groups",
      "services/",
      "system",
    ]);
    expect(await read("network/interfaces/macs/")).toBe(`${mac}/`);
    expect(await read("events/maintenance/")).toBe("history\nscheduled");
    expect(await (await imds.get("/latest/dynamic/")).text()).toBe("fws/\ninstance-identity/");
    expect(await (await imds.get("/latest/dynamic/fws/instance-monitoring")).text()).toBe("disabled");
  });

  it("are the same under the version of any year, which the root lists", async () => {
    const { imds, read } = await instanceOf();

    const versions = (await (await imds.get("/")).text()).split("\n");

    expect(versions).toContain("2021-03-23");
    expect(versions.at(-1)).toBe("latest");
    for (const version of versions) {
      expect(await (await imds.get(`/${version}/meta-data/instance-id`)).text()).toBe(await read("instance-id"));
    }
    expect((await imds.get("/1999-01-01/meta-data/instance-id")).status).toBe(404);
  });

  it.each([
    ["eu-central-1", /^euc1-az\d$/, /^ip-.*\.eu-central-1\.compute\.internal$/, "aws"],
    ["ap-southeast-2", /^apse2-az\d$/, /^ip-.*\.ap-southeast-2\.compute\.internal$/, "aws"],
    ["us-gov-west-1", /^usgw1-az\d$/, /^ip-.*\.us-gov-west-1\.compute\.internal$/, "aws-us-gov"],
    ["cn-north-1", /^cnn1-az\d$/, /^ip-.*\.cn-north-1\.compute\.internal$/, "aws-cn"],
  ])("in %s have that region's names", async (region, zoneId, host, partition) => {
    const { read } = await instanceOf({ region });

    expect(await read("placement/availability-zone-id")).toMatch(zoneId);
    expect(await read("hostname")).toMatch(host);
    expect(await read("services/partition")).toBe(partition);
    expect(await read("iam/info")).toContain(`"arn:${partition}:iam::`);
  });

  it("follow from the seed", async () => {
    const all = async (seed: number) => Object.values((await instanceOf({ seed })).instance.description).join();

    expect(await all(3)).not.toBe(await all(4));
  });

  it("answer 400 for a path with an escape sequence that is none", async () => {
    const { status } = await instanceOf();

    expect(await status("tags/instance/%zz")).toBe(400);
  });

  it("are read by the AWS SDK's own metadata client", async () => {
    const { simulator, instance } = await instanceOf();
    const service = new MetadataService({ endpoint: simulator.imdsUrl });

    expect(await service.request(`${META}instance-id`, {})).toBe(instance.description.instanceId);
    expect(await service.request(`${META}placement/region`, {})).toBe("us-east-1");
    expect(JSON.parse(await service.request("/latest/dynamic/instance-identity/document", {}))).toMatchObject({
      accountId: instance.description.accountId,
    });
    await expect(service.request(`${META}spot/instance-action`, {})).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });
});

describe("overrides of the instance", () => {
  it("reach every category they concern", async () => {
    const { read, imds } = await instanceOf({
      region: "eu-west-1",
      instance: {
        accountId: "123456789012",
        instanceType: "c7gn.xlarge",
        availabilityZone: "eu-west-1b",
        privateIpv4: "10.1.2.3",
        publicIpv4: null,
        ipv6: "2001:db8:8:4ff::2",
        keyName: null,
        groupName: "close-together",
        partitionNumber: 2,
        productCodes: ["3iplms73etrdhxdepv72l6ywj"],
        userData: "#!/bin/sh\necho hello\n",
      },
    });
    const mac = `network/interfaces/macs/${await read("mac")}`;

    const document = await (await imds.get("/latest/dynamic/instance-identity/document")).json();

    expect(document).toMatchObject({
      accountId: "123456789012",
      architecture: "arm64",
      availabilityZone: "eu-west-1b",
      instanceType: "c7gn.xlarge",
      privateIp: "10.1.2.3",
      marketplaceProductCodes: ["3iplms73etrdhxdepv72l6ywj"],
    });
    expect(await read("hostname")).toBe("ip-10-1-2-3.eu-west-1.compute.internal");
    expect(await read(`${mac}/owner-id`)).toBe("123456789012");
    expect(await read(`${mac}/subnet-ipv6-cidr-blocks`)).toBe("2001:db8:8:4ff::/64");
    expect(await read(`${mac}/vpc-ipv6-cidr-blocks`)).toBe("2001:db8:8:400::/56");
    expect(await read("placement/partition-number")).toBe("2");
    for (const path of ["public-ipv4", "public-hostname", "public-keys/"]) expect(await read(path)).toBe(404);
    expect(await (await imds.get("/latest/user-data")).text()).toBe("#!/bin/sh\necho hello\n");
    expect(await (await imds.get("/latest/")).text()).toBe("dynamic\nmeta-data\nuser-data");
  });

  it("replace, add and take away single paths", async () => {
    const { read } = await instanceOf({
      instance: {
        categories: { "meta-data/profile": "mine", "meta-data/managed/new": "here", "meta-data/system": null },
      },
    });

    expect([await read("profile"), await read("managed/"), await read("managed/new"), await read("system")]).toEqual([
      "mine",
      "new",
      "here",
      404,
    ]);
    expect(await read("../constructor")).toBe(404);
    expect(String(await read("")).split("\n")).toContain("managed/");
    expect(String(await read("")).split("\n")).not.toContain("system");
  });

  it("come from YAML or JSON, and again when the file has changed", async () => {
    const path = await fileWith("instanceType: t4g.nano\ntags: { Name: web-1 }\n");
    const { read, instance } = await instanceOf({
      instanceFile: path,
      metadataOptions: { instanceMetadataTags: "enabled" },
    });
    const before = [await read("instance-type"), await read("tags/instance/Name")];

    await writeFile(path, '{ "instanceType": "r8g.large", "tags": { "team:cost": "a b" } }');
    await instance.load();

    expect(before).toEqual(["t4g.nano", "web-1"]);
    expect(await read("instance-type")).toBe("r8g.large");
    expect(await read("tags/instance")).toBe("team:cost");
    expect(await read(`tags/instance/${encodeURIComponent("team:cost")}`)).toBe("a b");
  });

  it.each([
    ["instanceType: 5\n", "instanceType is 5: expected a type, as m7i.large"],
    ["accountId: 123456789012\n", "accountId is 123456789012: expected 12 digits in quotes"],
    ["instanceId: i-123\n", "instanceId is "],
    ["privateIpv4: 10.0.0.256\n", "privateIpv4 is "],
    ["securityGroups:\n  - id: sg-1\n    name: a\n", "securityGroups[0].id is "],
    ["tags: { 'a b': x }\n", "tags.a b is "],
    ["tags: { a: 1 }\n", "tags.a must be text: put numbers and true in quotes"],
    ["categories: { meta-data/a/: x }\n", "categories.meta-data/a/ is "],
    ["availabilityZone: eu-west-1a\n", "availabilityZone is eu-west-1a: expected a zone of us-east-1"],
    ["instanceTyp: m7i.large\n", "instanceTyp"],
    ["- a\n", "value"],
    ["a: [1\nb: 2\n", "line 2, column 1 is not YAML"],
  ])("in a file with %j are refused, naming file and place; nothing changes", async (content, says) => {
    const path = await fileWith(content);
    const { instance } = await instanceOf();
    const before = instance.description;

    const load = instance.load(path);

    await expect(load).rejects.toThrow(InvalidInputError);
    await expect(load).rejects.toThrow(`${path}: ${says}`);
    expect(instance.description).toBe(before);
  });

  it("of a file that is missing are refused at the start", async () => {
    await expect(startSimulator({ instanceFile: "/nowhere/instance.yaml" })).rejects.toThrow(
      "/nowhere/instance.yaml: file cannot be read",
    );
  });

  it("given in code are held to the same rules", async () => {
    const { instance } = await instanceOf();

    expect(() => instance.override({ mac: "0A:00" } as InstanceOverrides)).toThrow('instance: mac is "0A:00"');
    await expect(instance.load()).rejects.toThrow("load: path is missing");
    await expect(startSimulator({ instance: {}, instanceFile: "x" })).rejects.toThrow(
      "instanceFile is given together with instance",
    );
  });
});

describe("a role", () => {
  it("that is detached leaves 404 behind; attached again it has other credentials", async () => {
    const { imds, instance, read } = await instanceOf();
    const before = await imds.credentials();

    instance.detachRole();
    const without = [await read("iam/"), await read("iam/info"), await imds.get(ROLES).then(({ status }) => status)];
    instance.attachRole("evertoken-role");
    const after = await imds.credentials();

    expect(without).toEqual([404, 404, 404]);
    expect(after.AccessKeyId).not.toBe(before.AccessKeyId);
    expect(instance.roleName).toBe("evertoken-role");
  });

  it("that is changed has its own path, and the old one is gone", async () => {
    const { instance, read } = await instanceOf();

    instance.attachRole("another-role");

    expect(await read("iam/security-credentials/")).toBe("another-role");
    expect(await read("iam/security-credentials/evertoken-role")).toBe(404);
    expect(await read("iam/security-credentials/another-role")).toContain('"Code" : "Success"');
    expect(await read("iam/info")).toContain(":instance-profile/another-role");
  });

  it("may be missing from the start, and come and go on a timeline", async () => {
    const { read, clock } = await instanceOf({
      roleName: null,
      instanceEvents: [
        { event: "role-detached", atHours: 3 },
        { event: "role-attached", role: "late-role", atHours: 1 },
      ],
    });
    const seen: unknown[] = [await read("iam/security-credentials/")];
    for (const hours of [1, 2]) {
      await clock.advance(hours * HOUR);
      seen.push(await read("iam/security-credentials/"));
    }

    expect(seen).toEqual([404, "late-role", 404]);
  });

  it("is not on the extended path when that is off", async () => {
    const { read } = await instanceOf({ extendedCredentials: false });

    expect(await read("iam/security-credentials-extended/")).toBe(404);
    expect(await read("iam/security-credentials/")).toBe("evertoken-role");
  });

  it("rotates so that old and new credentials overlap as they are told to", async () => {
    const { imds, clock } = await instanceOf({ credentialLifetimeMs: HOUR, credentialOverlapMs: HOUR / 6 });
    const first = await imds.credentials();
    let left = 0;
    while ((await imds.credentials()).AccessKeyId === first.AccessKeyId) {
      await clock.advance(15_000);
      left = Date.parse(first.Expiration) - clock.now();
    }

    // Rotations come within three percent of their time.
    expect(left).toBeGreaterThan(8 * 60_000);
    expect(left).toBeLessThan(12 * 60_000);
  });

  it.each([
    [{ credentialLifetimeMs: HOUR, credentialOverlapMs: HOUR }, "credentialOverlapMs is 3600000: expected less than"],
    [{ rotationIntervalMs: HOUR, credentialOverlapMs: HOUR }, "credentialOverlapMs is given together with rotation"],
    [{ instanceEvents: [{ event: "role-attached", role: "a b", atHours: 0 }] }, 'instanceEvents[0].role is "a b"'],
  ])("told %j is refused", async (options, says) => {
    await expect(startSimulator(options as never)).rejects.toThrow(says);
  });
});

describe("what EC2 announces", () => {
  it("a Spot interruption is there from its notice on, two minutes ahead of the end", async () => {
    const { read, clock, simulator } = await instanceOf({
      instance: { lifeCycle: "spot" },
      instanceEvents: [{ event: "spot-interruption", atHours: 1 }],
    });
    const service = new MetadataService({ endpoint: simulator.imdsUrl });
    const before = await read("spot/instance-action");
    await clock.advance(HOUR);

    const end = new Date(Math.floor((clock.now() + 120_000) / 1000) * 1000).toISOString().replace(".000Z", "Z");

    expect(before).toBe(404);
    expect(await read("instance-life-cycle")).toBe("spot");
    expect(JSON.parse(await service.request(`${META}spot/instance-action`, {}))).toEqual({
      action: "terminate",
      time: end,
    });
    expect(await read("spot/termination-time")).toBe(end);
    expect(await read("spot/")).toBe("instance-action\ntermination-time");
  });

  it("a Spot interruption comes to what a file calls a Spot Instance", async () => {
    const { read } = await instanceOf({
      instanceFile: await fileWith("lifeCycle: spot\n"),
      instanceEvents: [{ event: "spot-interruption", atHours: 0 }],
    });

    expect(await read("spot/instance-action")).toContain('"action":"terminate"');
  });

  it("a Spot Instance that is to stop has no termination time", async () => {
    const { read, instance } = await instanceOf({ instance: { lifeCycle: "spot" } });

    instance.announce({ event: "spot-interruption", action: "stop" });

    expect(await read("spot/instance-action")).toContain('"action":"stop"');
    expect(await read("spot/termination-time")).toBe(404);
  });

  it("a rebalance recommendation has the time of its notice", async () => {
    const { read, instance, clock } = await instanceOf();

    instance.announce({ event: "rebalance-recommendation" });

    const { noticeTime } = JSON.parse(String(await read("events/recommendations/rebalance")));
    expect(clock.now() - Date.parse(noticeTime)).toBeLessThan(1000);
  });

  it("maintenance is scheduled until it is over, then history", async () => {
    const { read, instance, clock } = await instanceOf();
    instance.announce({ event: "maintenance", code: "instance-retirement", inHours: 1, lastsHours: 1 });
    const scheduled = JSON.parse(String(await read("events/maintenance/scheduled")));

    await clock.advance(2 * HOUR);

    expect(scheduled).toEqual([
      {
        NotBefore: expect.stringMatching(/^\d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
        Code: "instance-retirement",
        Description: "scheduled retirement",
        EventId: expect.stringMatching(/^instance-event-0[0-9a-f]{16}$/),
        NotAfter: expect.stringMatching(/GMT$/),
        State: "active",
      },
    ]);
    expect(await read("events/maintenance/scheduled")).toBe("[]");
    expect(JSON.parse(String(await read("events/maintenance/history")))).toEqual([
      { ...scheduled[0], Description: "[Completed] scheduled retirement", State: "completed" },
    ]);
  });

  it("Auto Scaling's wish is the newest one", async () => {
    const { read, instance } = await instanceOf();

    instance.announce({ event: "lifecycle-state", state: "InService" });
    instance.announce({ event: "lifecycle-state", state: "Terminated" });

    expect(await read("autoscaling/target-lifecycle-state")).toBe("Terminated");
  });

  it.each([
    [{ event: "spot-interruption" }, "spot-interruption cannot come to an instance whose lifeCycle is on-demand"],
    [{ event: "earthquake" }, "event.event is "],
    [{ event: "lifecycle-state", state: "Happy" }, "event: state is "],
    [{ event: "maintenance", inHours: -1 }, "event: inHours is -1: expected hours, 0 or more"],
  ])("is refused when it is %j", async (event, says) => {
    const { instance } = await instanceOf();

    expect(() => instance.announce(event as InstanceEvent)).toThrow(InvalidInputError);
    expect(() => instance.announce(event as InstanceEvent)).toThrow(says.replace("event.event", "event: event"));
  });
});
