/**
 * The authorization token of a container endpoint: a random line in a file, which SDKs read at each refresh
 * (`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`) and send as it is. New at each start unless told to keep it, and renewed
 * at any time; the one before stays good for a while, for clients that have just read it.
 */

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "@evertoken/core";
import { belongsTo, type Owner, readPrivateFile, writePrivateFile } from "./private-file.js";

export interface AuthorizationOptions {
  readonly file: string;
  /** 0600, or 0640 for the clients of a group. */
  readonly mode: number;
  /** Take the token that the file holds already: for clients that read theirs once, when they start. */
  readonly keep: boolean;
  readonly owner: Owner | undefined;
  readonly clock: Clock;
}

/** SDKs read the file again when they are refused, at the latest at their next refresh. */
const PREVIOUS_GOOD_MS = 10 * 60_000;

const TOKEN_BYTES = 32;

/** What goes into a header as it is. */
const WELL_FORMED = /^[\x21-\x7e]{16,1024}$/;

export class Authorization {
  readonly file: string;
  readonly #options: AuthorizationOptions;
  /** Digests: comparing them takes equally long wherever two tokens differ. */
  #current: Buffer;
  #previous: { readonly digest: Buffer; readonly goodUntil: number } | undefined;

  #unpublished: string;
  readonly #isKept: boolean;

  private constructor(options: AuthorizationOptions, kept: string | undefined) {
    const token = kept ?? randomToken();
    this.#isKept = kept !== undefined;
    this.file = options.file;
    this.#options = options;
    this.#current = digest(token);
    this.#unpublished = token;
  }

  /**
   * Writes nothing yet: another agent's file may be there, which is only ours once its port is.
   * @throws FileNotPrivateError when the file is to be kept and others could read it.
   */
  static async create(options: AuthorizationOptions): Promise<Authorization> {
    const { file, mode, keep } = options;
    const kept = keep ? (await readPrivateFile(file, mode))?.toString("utf8").trim() : undefined;
    return new Authorization(options, kept !== undefined && WELL_FORMED.test(kept) ? kept : undefined);
  }

  /** Puts the token into the file; one that is kept only if its owner or mode are others, so that a full disk keeps nobody from starting. */
  async publish(): Promise<void> {
    const isThere = this.#isKept && (await belongsTo(this.file, this.#options));
    if (!isThere) await writePrivateFile(this.file, this.#unpublished, this.#options);
    this.#unpublished = "";
  }

  /**
   * Puts a new token into the file.
   * @throws what the file system says; the token before stays the only one then.
   */
  async rotate(): Promise<void> {
    const { clock, file } = this.#options;
    const token = randomToken();
    const before = { current: this.#current, previous: this.#previous };
    // Good before it can be read.
    this.#previous = { digest: this.#current, goodUntil: clock.monotonic() + PREVIOUS_GOOD_MS };
    this.#current = digest(token);
    try {
      await writePrivateFile(file, token, this.#options);
    } catch (error) {
      this.#current = before.current;
      this.#previous = before.previous;
      throw error;
    }
  }

  accepts(presented: string | undefined): boolean {
    if (presented === undefined) return false;
    const given = digest(presented);
    if (timingSafeEqual(given, this.#current)) return true;
    const previous = this.#previous;
    if (previous === undefined || this.#options.clock.monotonic() >= previous.goodUntil) return false;
    return timingSafeEqual(given, previous.digest);
  }
}

function randomToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
