/**
 * The instance identity document and its three signatures, by a key and under a certificate of this simulator's own.
 *
 * EC2 signs with three keys: RSA 1024 (`signature`), DSA (`pkcs7`, SHA-1) and RSA 2048 (`rsa2048`). Here one RSA 2048 key
 * with SHA-256 signs all: whoever verifies takes the certificate's key and the message's algorithms, as with EC2's, and
 * has one certificate to trust instead of three. As on EC2 the document is within the PKCS #7 message, and the
 * certificate is not.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-iid.html
 */

import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { seededBytes } from "../seeded.js";
import { bits, context, integer, NOTHING, objectId, octets, sequence, setOf, tagged, text, time } from "./der.js";
import { seededRsaKey } from "./seeded-key.js";

const OID = {
  data: objectId("1.2.840.113549.1.7.1"),
  signedData: objectId("1.2.840.113549.1.7.2"),
  contentType: objectId("1.2.840.113549.1.9.3"),
  messageDigest: objectId("1.2.840.113549.1.9.4"),
  signingTime: objectId("1.2.840.113549.1.9.5"),
  rsaEncryption: objectId("1.2.840.113549.1.1.1"),
  sha256WithRsa: objectId("1.2.840.113549.1.1.11"),
  sha256: objectId("2.16.840.1.101.3.4.2.1"),
  country: objectId("2.5.4.6"),
  organization: objectId("2.5.4.10"),
  commonName: objectId("2.5.4.3"),
};

const SHA256_WITH_RSA = sequence(OID.sha256WithRsa, NOTHING);
const SHA256 = sequence(OID.sha256, NOTHING);
const RSA = sequence(OID.rsaEncryption, NOTHING);

const relativeName = (type: Buffer, value: Buffer) => setOf(sequence(type, value));

const NAME = sequence(
  relativeName(OID.country, tagged(0x13, Buffer.from("US"))),
  relativeName(OID.organization, text("Evertoken simulator")),
  relativeName(OID.commonName, text("instance identity, made up")),
);

/** EC2's own certificates run this long; whatever year a simulated clock shows, this one is good. */
const VALID_FROM = Date.UTC(2015, 0, 1);
const VALID_TO = Date.UTC(2195, 0, 1);

export class InstanceIdentity {
  readonly #seed: number;
  #made: { readonly key: KeyObject; readonly certificate: Buffer } | undefined;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** PEM. */
  certificate(): string {
    return `-----BEGIN CERTIFICATE-----\n${lines(this.#make().certificate)}\n-----END CERTIFICATE-----\n`;
  }

  /** The bare RSA signature of the document, in lines of base64. */
  signature(document: string): string {
    return lines(sign("sha256", Buffer.from(document), this.#make().key));
  }

  /** A PKCS #7 message with the document within, in lines of base64: what stands between the marks of a PEM file. */
  pkcs7(document: string, signedAt: number): string {
    const content = Buffer.from(document);
    const digest = createHash("sha256").update(content).digest();
    const attributes = setOf(
      sequence(OID.contentType, setOf(OID.data)),
      sequence(OID.signingTime, setOf(time(signedAt))),
      sequence(OID.messageDigest, setOf(octets(digest))),
    );
    const signature = sign("sha256", attributes, this.#make().key);
    // What is signed is a set; within the message the same bytes bear the tag [0].
    const tagOfAttributes = Buffer.concat([Buffer.of(0xa0), attributes.subarray(1)]);
    const signer = sequence(
      integer(1),
      sequence(NAME, this.#serial()),
      SHA256,
      tagOfAttributes,
      RSA,
      octets(signature),
    );
    const signedData = sequence(
      integer(1),
      setOf(SHA256),
      sequence(OID.data, context(0, octets(content))),
      setOf(signer),
    );
    return lines(sequence(OID.signedData, context(0, signedData)));
  }

  /** When first needed: finding the primes takes tens of milliseconds, and few programs ask for signatures. */
  #make(): { readonly key: KeyObject; readonly certificate: Buffer } {
    if (this.#made !== undefined) return this.#made;
    const key = seededRsaKey(this.#seed);
    const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
    const toBeSigned = sequence(
      context(0, integer(2)),
      this.#serial(),
      SHA256_WITH_RSA,
      NAME,
      sequence(time(VALID_FROM), time(VALID_TO)),
      NAME,
      publicKey,
    );
    const certificate = sequence(toBeSigned, SHA256_WITH_RSA, bits(sign("sha256", toBeSigned, key)));
    this.#made = { key, certificate };
    return this.#made;
  }

  #serial(): Buffer {
    return integer(BigInt(`0x${seededBytes(this.#seed, "certificate", 8).toString("hex")}`));
  }
}

/** Base64 in lines of 64 characters, the last one not ended, as IMDS prints it. */
function lines(bytes: Buffer): string {
  return bytes.toString("base64").replace(/(.{64})(?=.)/g, "$1\n");
}
