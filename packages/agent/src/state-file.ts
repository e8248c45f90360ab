/**
 * The state file: what the agent held last, so that one that is restarted while IMDS is down serves at once.
 *
 * Encrypted with AES-256-GCM. The key is derived from a credential file that lives elsewhere (`systemd-creds`, a mounted
 * secret); the machine's id and the source go into the seal, so that a copy of the disk opens on no other machine.
 *
 *     version (1 byte) · salt (16) · nonce (12) · tag (16) · ciphertext
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { EvertokenError, type Secret } from "@evertoken/core";
import type { Credentials } from "@evertoken/credentials";
import { type Owner, readPrivateFile, writePrivateFile } from "./private-file.js";

/** The state file is there and cannot be used. The agent starts without it. */
class StateFileError extends EvertokenError {
  override readonly code = "STATE_FILE";
}

const VERSION = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + SALT_BYTES + NONCE_BYTES + TAG_BYTES;

export interface StateFileOptions {
  readonly path: string;
  /** At least 16 bytes that nobody can guess, as base64. */
  readonly key: Secret;
  /** The machine these credentials belong to. */
  readonly machine: string;
  readonly owner?: Owner | undefined;
}

export class StateFile {
  readonly path: string;
  readonly #options: StateFileOptions;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: StateFileOptions) {
    this.path = options.path;
    this.#options = options;
  }

  /** Writes them one after the other, the newest last. */
  save(credentials: Credentials): Promise<void> {
    const { path, owner } = this.#options;
    const sealed = this.#seal(Buffer.from(JSON.stringify(plain(credentials))));
    this.#saving = this.#saving.catch(() => {}).then(() => writePrivateFile(path, sealed, { owner }));
    return this.#saving;
  }

  /**
   * What was saved last; undefined when there is no file.
   * @throws StateFileError when it was sealed with another key or for another machine, or is damaged; FileNotPrivateError.
   */
  async load(): Promise<Credentials | undefined> {
    const sealed = await readPrivateFile(this.path);
    if (sealed === undefined) return undefined;
    try {
      const { expiration, ...rest } = JSON.parse(this.#open(sealed).toString("utf8"));
      return { ...rest, ...(expiration === undefined ? {} : { expiration: new Date(expiration) }) };
    } catch {
      // What failed is not told: half of what was decrypted could be in it.
      throw new StateFileError(
        `the state file ${this.path} does not open: it is damaged, or was sealed with another key or on another machine. It is written anew with the next credentials.`,
      );
    }
  }

  #seal(text: Buffer): Buffer {
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key(salt), nonce);
    cipher.setAAD(this.#context());
    const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
    return Buffer.concat([Buffer.from([VERSION]), salt, nonce, cipher.getAuthTag(), sealed]);
  }

  #open(file: Buffer): Buffer {
    if (file.length < HEAD_BYTES || file[0] !== VERSION) throw new Error("not a state file");
    const salt = file.subarray(1, 1 + SALT_BYTES);
    const nonce = file.subarray(1 + SALT_BYTES, 1 + SALT_BYTES + NONCE_BYTES);
    const tag = file.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#key(salt), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#context());
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(file.subarray(HEAD_BYTES)), decipher.final()]);
  }

  #key(salt: Buffer): Buffer {
    const key = Buffer.from(this.#options.key.reveal(), "base64");
    return Buffer.from(hkdfSync("sha256", key, salt, "evertoken agent state", 32));
  }

  #context(): Buffer {
    return Buffer.from(`evertoken agent state ${VERSION}\n${this.#options.machine}`);
  }
}

/** The secrets of an identity do not enumerate: they are asked for by name, to be sealed. */
function plain(credentials: Credentials): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration, accountId, roleName } = credentials;
  return { accessKeyId, secretAccessKey, sessionToken, expiration, accountId, roleName };
}

/** Stays with an installed system for its life. @see https://www.freedesktop.org/software/systemd/man/machine-id.html */
export async function machineId(): Promise<string> {
  return (await readFile("/etc/machine-id", "utf8").catch(() => "")).trim();
}
