/**
 * The instance role's credentials: which role is attached, and its credential document.
 *
 * The extended path is tried first because it tells the account id as well; a host that answers its role list with 404
 * does not have it, and the legacy path is used from then on. The role's name is remembered; a 404 on it means that
 * another role is attached now, and the list is read again. Any other error is an error, never a reason to fall back.
 */

import { UnreadableAnswer } from "@evertoken/core";
import { type DocumentedCredentials, parseCredentialDocument } from "./credential-document.js";
import { ImdsError } from "./errors.js";
import { imdsProtocol } from "./protocol.js";

/** An instance role's credentials; usable as an AWS SDK v3 identity as it is. Its secrets do not print. */
export interface ImdsCredentials extends DocumentedCredentials {
  readonly roleName: string;
}

export interface GetOptions {
  readonly signal?: AbortSignal | undefined;
  /** Overrides the client's number of attempts. */
  readonly attempts?: number | undefined;
}

export interface CredentialsOptions extends GetOptions {
  /**
   * Takes credentials whose end is past by IMDS's own clock, instead of throwing `IMDS_EXPIRED_CREDENTIALS`: for holders
   * that judge by themselves and go on asking, like the Keeper. Default false.
   */
  readonly allowExpired?: boolean | undefined;
}

/** Reads one category; `parse` throws {@link UnreadableAnswer} when the text makes no sense, and it is tried again. */
export type Read = <T>(path: string, parse: (text: string) => T, options: GetOptions) => Promise<T>;

export class RoleCredentials {
  readonly #read: Read;
  /** Given by the user instead of being read from the list. */
  readonly #configuredName: string | undefined;
  #extendedPathExists = true;
  #roleName: string | undefined;

  constructor(read: Read, configuredName: string | undefined) {
    this.#read = read;
    this.#configuredName = configuredName;
  }

  /** @throws ImdsError `IMDS_NOT_FOUND` when no role is attached. */
  async roleName(options: GetOptions = {}): Promise<string> {
    if (this.#configuredName !== undefined) return this.#configuredName;
    if (this.#extendedPathExists) {
      try {
        return await this.#readRoleName(options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        this.#extendedPathExists = false;
      }
    }
    try {
      return await this.#readRoleName(options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // The extended path is asked again next time: without a role both are 404, which says nothing about the host.
      this.#extendedPathExists = true;
      throw new ImdsError(
        "IMDS_NOT_FOUND",
        "IMDS knows no role for this instance: attach an instance profile with a role to it.",
        { path: this.#path, statusCode: 404, cause: error },
      );
    }
  }

  async credentials(options: GetOptions = {}): Promise<ImdsCredentials> {
    if (this.#configuredName !== undefined) return this.#ofConfigured(this.#configuredName, options);
    if (this.#roleName !== undefined) {
      try {
        return await this.#readDocument(this.#roleName, options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        this.#roleName = undefined;
      }
    }
    const roleName = await this.roleName(options);
    const credentials = await this.#readDocument(roleName, options);
    this.#roleName = roleName;
    return credentials;
  }

  /** A 404 for a name that was given: try the legacy path, then the name is wrong. */
  async #ofConfigured(name: string, options: GetOptions): Promise<ImdsCredentials> {
    for (const extended of this.#extendedPathExists ? [true, false] : [false]) {
      this.#extendedPathExists = extended;
      try {
        return await this.#readDocument(name, options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    this.#extendedPathExists = true;
    throw new ImdsError(
      "IMDS_NOT_FOUND",
      `IMDS has no credentials for the instance profile ${name}: correct AWS_EC2_INSTANCE_PROFILE_NAME ` +
        "(ec2_instance_profile_name in the config file), or unset it to use the role that is attached.",
      { path: this.#path, statusCode: 404 },
    );
  }

  get #path(): string {
    return this.#extendedPathExists ? imdsProtocol.extendedRolePath : imdsProtocol.rolePath;
  }

  async #readRoleName(options: GetOptions): Promise<string> {
    return this.#read(this.#path, parseRoleName, options);
  }

  #readDocument(roleName: string, options: GetOptions): Promise<ImdsCredentials> {
    return this.#read(
      `${this.#path}${encodeURIComponent(roleName)}`,
      // Assigned, not spread: a copy would leave the fields behind that do not print.
      (text) => Object.assign(parseCredentialDocument(text), { roleName }),
      options,
    );
  }
}

function parseRoleName(text: string): string {
  const name = text.split("\n", 1)[0]?.trim() ?? "";
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
  if (!/^[\w+=,.@-]{1,64}$/.test(name)) throw new UnreadableAnswer("the role list holds no role name");
  return name;
}

function isNotFound(error: unknown): boolean {
  return error instanceof ImdsError && error.code === "IMDS_NOT_FOUND";
}
