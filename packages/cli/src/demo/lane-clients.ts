/**
 * The two ways to have a hundred S3 clients: a pool on one Keeper, and as many clients of the stock SDK, each as its
 * documentation shows it. Both find IMDS through the environment, like any service on an instance.
 */

import { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "@evertoken/core";
import { createKeeper } from "@evertoken/credentials";
import { createS3Pool, type S3Pool } from "@evertoken/s3";
import type { LaneTask } from "./lane-protocol.js";

type Send = S3Client["send"];

export interface LaneClients {
  /** Sends through the `index`-th client, where clients are told apart. */
  send(index: number): Send;
  replayed(): number;
  /** Requests that took the fast lane. */
  sentFast(): number;
  /** The pool, where there is one: it tells of itself. */
  readonly pool: S3Pool | undefined;
  close(): Promise<void>;
}

export function laneClients(task: LaneTask, clock: Clock): LaneClients {
  return task.lane === "evertoken" ? pooled(task, clock) : stock(task);
}

/** A pool that keeps its own credentials; also what reads everything back in the end, for both lanes. */
export function keptPool(task: LaneTask, clock: Clock): { readonly pool: S3Pool; close(): Promise<void> } {
  const keeper = createKeeper({ clock });
  const { region, s3Url: endpoint, clients: size, fastLane } = task;
  const pool = createS3Pool({ region, endpoint, size, forcePathStyle: true, fastLane, keeper, clock });
  return {
    pool,
    close: async () => {
      await pool.close();
      keeper.close();
    },
  };
}

function pooled(task: LaneTask, clock: Clock): LaneClients {
  const { pool, close } = keptPool(task, clock);
  const send = ((command: never, options: never) => pool.send(command, options)) as Send;
  return {
    send: () => send,
    replayed: () => pool.stats().replayed,
    sentFast: () => pool.stats().lanes.fast,
    pool,
    close,
  };
}

function stock({ region, s3Url: endpoint, clients }: LaneTask): LaneClients {
  const all = Array.from({ length: clients }, () => new S3Client({ region, endpoint, forcePathStyle: true }));
  return {
    send: (index) => {
      const client = all[index % all.length] as S3Client;
      return client.send.bind(client) as Send;
    },
    replayed: () => 0,
    sentFast: () => 0,
    pool: undefined,
    close: async () => {
      for (const client of all) client.destroy();
    },
  };
}
