import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { VirtualClock } from "@evertoken/core";
import { ContentInfo, SignedData } from "pkijs";
import { describe, expect, it } from "vitest";
import { simulated } from "./instance.js";

const IDENTITY = "/latest/dynamic/instance-identity";

async function identityOf(options: Parameters<typeof simulated>[0] = {}) {
  const { imds, simulator } = await simulated(options);
  const read = async (name: string) => (await imds.get(`${IDENTITY}/${name}`)).text();
  const [document, signature, pkcs7, rsa2048] = await Promise.all(
    ["document", "signature", "pkcs7", "rsa2048"].map(read),
  );
  const certificate = new X509Certificate(simulator.instance.certificate);
  return {
    document: document ?? "",
    signature: signature ?? "",
    pkcs7: pkcs7 ?? "",
    rsa2048: rsa2048 ?? "",
    certificate,
  };
}

/** What pkijs, which knows nothing of this simulator, makes of a PKCS #7 message. */
async function verified(message: string, certificate: X509Certificate) {
  const info = ContentInfo.fromBER(Buffer.from(message, "base64"));
  const signed = new SignedData({ schema: info.content });
  const { Certificate } = await import("pkijs");
  signed.certificates = [Certificate.fromBER(certificate.raw)];
  const content = Buffer.from(signed.encapContentInfo.eContent?.getValue() ?? new ArrayBuffer(0)).toString();
  return { isGood: await signed.verify({ signer: 0 }), content };
}

describe("the instance identity document", () => {
  it("tells what the categories tell", async () => {
    const { imds, simulator } = await simulated();
    const read = async (path: string) => (await imds.get(`/latest/meta-data/${path}`)).text();
    const document = (await (await imds.get(`${IDENTITY}/document`)).json()) as Record<string, unknown>;

    expect(document).toEqual({
      accountId: simulator.instance.description.accountId,
      architecture: "x86_64",
      availabilityZone: await read("placement/availability-zone"),
      billingProducts: null,
      devpayProductCodes: null,
      marketplaceProductCodes: null,
      imageId: await read("ami-id"),
      instanceId: await read("instance-id"),
      instanceType: await read("instance-type"),
      kernelId: null,
      pendingTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      privateIp: await read("local-ipv4"),
      ramdiskId: null,
      region: "us-east-1",
      version: "2017-09-30",
    });
  });

  it("is signed by the key of the simulator's certificate", async () => {
    const { document, signature, certificate } = await identityOf();

    const isGood = (text: string) =>
      verify("sha256", Buffer.from(text), certificate.publicKey, Buffer.from(signature, "base64"));

    expect(isGood(document)).toBe(true);
    expect(isGood(document.replace("us-east-1", "us-west-1"))).toBe(false);
    expect(signature).toMatch(/^(?:[A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/]+=*$/);
  });

  it.each(["pkcs7", "rsa2048"] as const)("is within the signed message %s", async (name) => {
    const { certificate, document, ...messages } = await identityOf();
    const other = await identityOf({ seed: 2 });

    expect(await verified(messages[name], certificate)).toEqual({ isGood: true, content: document });
    await expect(verified(messages[name], other.certificate)).rejects.toThrow();
  });

  it("comes with a certificate that is good in any year a clock may show, and signed by itself", async () => {
    const { certificate } = await identityOf();

    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toContain("O=Evertoken simulator");
    expect(Date.parse(certificate.validFrom)).toBe(Date.UTC(2015, 0, 1));
    expect(Date.parse(certificate.validTo)).toBe(Date.UTC(2195, 0, 1));
    expect(createPublicKey(certificate.toString()).asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  it("and all signatures are the same for the same seed and start", async () => {
    const same = () => ({ seed: 7, clock: new VirtualClock({ startAt: Date.UTC(2026, 10, 23) }) });

    const [one, other] = [await identityOf(same()), await identityOf(same())];

    expect(one.rsa2048).toBe(other.rsa2048);
    expect(one.certificate.toString()).toBe(other.certificate.toString());
  });
});
