/**
 * The run's own look at a target that keeps what is written: puts there what is to be read, looks whether what was
 * acknowledged is there, and removes everything under the run's prefix. None of it is measured.
 */

import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { systemClock } from "@evertoken/core";
import { objectBytes } from "../objects.js";
import type { CaseSettings } from "../record.js";
import type { BenchTarget } from "../target/bench-target.js";
import { objectsToRead, PART_BYTES } from "./operations.js";

/** What a client that was cut off had sent may still be stored a moment later. */
const STRAGGLERS_MS = 500;

/** Reading one object back whole costs time with large ones; their size is looked at anyway. */
const COMPARED_BYTES = 16 * 1024 * 1024;

export class Storage {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(target: BenchTarget) {
    const { region, bucket } = target;
    this.#bucket = bucket;
    // Of the Keeper, which keeps them: the SDK need not.
    const credentials = Object.assign(() => target.credentials(), { memoized: true });
    this.#client = new S3Client({
      endpoint: target.endpoint({ tls: false }),
      region,
      forcePathStyle: true,
      credentials,
    });
  }

  /** Puts there what the case reads. */
  async prepare(of: CaseSettings, prefix: string): Promise<void> {
    const Body = objectBytes(of.sizeBytes);
    for (const key of objectsToRead(of)) {
      await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: prefix + key, Body }));
    }
  }

  /** Of keys whose write was acknowledged, those under which something else is, or nothing. */
  async missing(of: CaseSettings, keys: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    for (const [index, key] of keys.entries()) {
      const isThere = index === 0 && of.sizeBytes <= COMPARED_BYTES ? this.#isSame(of, key) : this.#hasSize(of, key);
      if (!(await isThere)) missing.push(key);
    }
    return missing;
  }

  /** Removes objects and unfinished uploads until there are none. */
  async removeAll(prefix: string): Promise<void> {
    do {
      await this.#abortUploads(prefix);
    } while ((await this.#removeSome(prefix)) > 0);
  }

  /** The same once more after a moment: clients may have been cut off in the midst of writing. */
  async removeStragglers(prefix: string): Promise<void> {
    await systemClock.sleep(STRAGGLERS_MS);
    await this.removeAll(prefix);
  }

  close(): void {
    this.#client.destroy();
  }

  async #hasSize({ sizeBytes }: CaseSettings, Key: string): Promise<boolean> {
    const { ContentLength } = await this.#client
      .send(new HeadObjectCommand({ Bucket: this.#bucket, Key }))
      .catch(absent);
    return ContentLength === sizeBytes;
  }

  async #isSame({ operation, sizeBytes }: CaseSettings, Key: string): Promise<boolean> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key })).catch(absent);
    const bytes = await Body?.transformToByteArray();
    const expected = operation === "multipart" ? multipartBytes(sizeBytes) : objectBytes(sizeBytes);
    return bytes !== undefined && expected.equals(bytes);
  }

  async #removeSome(Prefix: string): Promise<number> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix }));
    if (Contents.length === 0) return 0;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    const { Errors = [] } = await this.#client.send(
      new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }),
    );
    const [error] = Errors;
    if (error !== undefined) throw new Error(`${error.Key} cannot be removed: ${error.Code} ${error.Message}`);
    return Contents.length;
  }

  async #abortUploads(Prefix: string): Promise<void> {
    const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix }));
    for (const { Key, UploadId } of Uploads) {
      const upload = { Bucket: this.#bucket, Key, UploadId };
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(absent);
    }
  }
}

/** Each part repeats the beginning of the same bytes. */
function multipartBytes(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, objectBytes(Math.min(PART_BYTES, sizeBytes)));
}

/** What is not there is an answer. Anything else is an error. */
function absent(error: unknown): Record<string, never> {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === 404) return {};
  throw error;
}
