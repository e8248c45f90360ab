/**
 * What a client under measurement is: a module with three functions. The built-in candidates are written against it as
 * well, so that a module of somebody's own is measured by the same harness, in the same way.
 */

/** What a client is told when it is opened. */
export interface ClientSettings {
  /** `http(s)://host[:port]`. Buckets belong into the path. */
  readonly endpoint: string;
  readonly region: string;
  /** Absent in the rotation case: there a client finds credentials as it does on an instance. */
  readonly credentials?: StaticCredentials;
  /** As many operations are under way at the same time. */
  readonly inFlight: number;
  /** `default`: as the client comes. Otherwise `when-required`, or an algorithm: `crc32`, `sha256`, … */
  readonly checksum: string;
}

export interface StaticCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One thing to do, to its end. */
export type Operation =
  | { readonly type: "put"; readonly bucket: string; readonly key: string; readonly body: Uint8Array }
  | { readonly type: "get" | "head" | "delete"; readonly bucket: string; readonly key: string }
  /** Creates an upload, sends the parts in any order, completes it. */
  | {
      readonly type: "multipart";
      readonly bucket: string;
      readonly key: string;
      readonly parts: readonly Uint8Array[];
    };

/** What a module of one's own exports: `evertoken bench compare sdk@latest ./my-client.mjs`. */
export interface ClientModule<Client = unknown> {
  /** Once in each process, before the warm-up. */
  open(settings: ClientSettings): Client | Promise<Client>;
  /**
   * Does one operation to its end. It rejects if the operation failed: the error's `name` is what is reported.
   * @returns the bytes of the body for a `get`, which must have been read; the object's size for a `head`.
   */
  run(client: Client, operation: Operation): Promise<number | undefined>;
  /** @returns counters of the client's own, if it has any: `{ replays: 3 }`. */
  close(client: Client): Counters | undefined | Promise<Counters | undefined>;
}

export type Counters = Readonly<Record<string, number>>;

/** A client that is open. */
export interface OpenClient {
  run(operation: Operation): Promise<number | undefined>;
  close(): Promise<Counters>;
}
