/** An S3 client whose requests take the fast lane where they can: an upload's parts, say, when it is leased. */

import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { HttpHandlerOptions } from "@smithy/types";
import type { FastLane, LaneClient, LaneSeat } from "./lane.js";

/** Middleware of ours does nothing to a request that the fast lane does not do as well. */
const OURS = /^evertoken/;

interface RetryStrategy {
  acquireInitialRetryToken(scope: string): Promise<object>;
  recordSuccess(token: object): void;
}

export class LanedS3Client extends S3Client implements LaneClient {
  #hasForeignMiddleware = false;
  #recordSuccess: (() => void) | undefined;

  constructor(config: S3ClientConfig, lane: FastLane) {
    super(config);
    const { middlewareStack } = this;
    for (const method of ["add", "addRelativeTo", "remove", "removeByTag"] as const) {
      const original = middlewareStack[method] as (...args: unknown[]) => unknown;
      const noticing = (...args: unknown[]) => {
        const name = (args[1] as { name?: string } | undefined)?.name ?? "";
        this.#hasForeignMiddleware ||= !OURS.test(name);
        return original(...args);
      };
      Object.assign(middlewareStack, { [method]: noticing });
    }
    const bySdk = this.send.bind(this) as (...args: unknown[]) => unknown;
    this.sendBySdk = bySdk as LaneClient["sendBySdk"];
    const seat: LaneSeat = { client: this, skewMs: 0, open: () => this };
    this.send = ((command: never, options?: HttpHandlerOptions, callback?: never) =>
      typeof options === "function" || callback !== undefined
        ? bySdk(command, options, callback)
        : lane.send(seat, command, options)) as S3Client["send"];
  }

  readonly sendBySdk: LaneClient["sendBySdk"];

  get hasForeignMiddleware(): boolean {
    return this.#hasForeignMiddleware;
  }

  recordSuccess(): void {
    if (this.#recordSuccess !== undefined) {
      this.#recordSuccess();
      return;
    }
    this.#recordSuccess = () => {};
    void this.#budget().then((record) => {
      this.#recordSuccess = record;
    });
  }

  /** @see https://smithy.io/2.0/guides/client-guidance/retries.html: a success gives back a token. */
  async #budget(): Promise<() => void> {
    const strategy = (await this.config.retryStrategy()) as RetryStrategy;
    const token = await strategy.acquireInitialRetryToken("");
    return () => strategy.recordSuccess(token);
  }
}
