/**
 * The gate in front of every service: each request passes here, and the fault board is asked which faults strike it. A
 * request that none strikes goes straight through. Services know nothing of faults.
 */

import { setMaxListeners } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import type { FaultBoard, Strike } from "../faults/board.js";
import type { Instead } from "../faults/fault.js";
import type { Journal } from "../journal.js";
import type { Ledger } from "../ledger.js";
import type { Handlers } from "../listener.js";
import type { Service } from "../services.js";
import type { Answer, Delivery } from "./answer.js";
import { type Asked, askedOf } from "./asked.js";
import { CapturedResponse } from "./captured-response.js";
import { deliver } from "./deliver.js";
import { addressed } from "./identifiers.js";
import { readAhead } from "./read-ahead.js";

export interface GateOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly faults: () => FaultBoard;
}

interface Passing {
  readonly asked: Asked;
  readonly at: number;
  readonly strikes: readonly Strike[];
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** It waits to be told before it sends its body. */
  readonly asksFirst: boolean;
  readonly listener: RequestListener;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #ending = new AbortController();
  #refusals = 0;

  constructor(options: GateOptions) {
    this.#options = options;
    // Each delayed answer listens for the end, and there may be hundreds.
    setMaxListeners(0, this.#ending.signal);
  }

  /** The same handlers, behind the gate. */
  before(service: Service, client: string, { request, checkContinue, ...others }: Handlers): Handlers {
    const gated = (listener: RequestListener, asksFirst: boolean) => this.#gated(service, client, listener, asksFirst);
    return {
      ...others,
      request: gated(request, false),
      ...(checkContinue === undefined ? {} : { checkContinue: gated(checkContinue, true) }),
    };
  }

  /** Ends what is still being delayed. */
  close(): void {
    this.#ending.abort();
  }

  #gated(service: Service, client: string, listener: RequestListener, asksFirst: boolean): RequestListener {
    return (incoming, outgoing) => {
      if (!this.#options.faults().mayStrike(service)) {
        listener(incoming, outgoing);
        return;
      }
      const at = this.#options.clock.now();
      const met = (form: string) => {
        const asked = askedOf(service, client, incoming, form);
        const strikes = this.#options.faults().strikes(asked);
        if (strikes.length === 0) listener(incoming, outgoing);
        // A caller that is gone, or a simulator that ends: nobody is left to be told.
        else {
          const passing = { asked, at, strikes, incoming, outgoing, asksFirst, listener };
          this.#pass(passing).catch(() => outgoing.destroy());
        }
      };
      // What is asked of STS stands in the body.
      if (service === "sts") void readAhead(incoming).then(met);
      else met("");
    };
  }

  async #pass(passing: Passing): Promise<void> {
    const { clock } = this.#options;
    const { asked, strikes, outgoing } = passing;
    for (const { delay } of strikes) {
      if (delay !== undefined) await clock.network.sleep(delay(), this.#ending.signal);
    }
    const first = strikes.find(({ instead }) => instead !== undefined);
    if (first?.instead !== undefined) return this.#refuse(passing, first, first.instead(asked));
    const answer = await this.#served(passing);
    if (answer === undefined) return;
    const rewritten = strikes.reduce((changed, { rewrite }) => rewrite?.(changed, asked) ?? changed, answer);
    const delivery: Delivery = Object.assign({}, ...strikes.map(({ delivery }) => delivery));
    await deliver(outgoing, rewritten, { delivery, pauses: clock.network, signal: this.#ending.signal });
  }

  /** What the service answers; undefined when it went straight to the client, because no fault has to do with it. */
  #served({ at, strikes, incoming, outgoing, listener }: Passing): Promise<Answer | undefined> {
    const faults = strikes.map(({ name }) => name);
    return this.#options.journal.noting({ at, faults }, () => {
      if (strikes.every(({ rewrite, delivery }) => rewrite === undefined && delivery === undefined)) {
        listener(incoming, outgoing);
        return Promise.resolve(undefined);
      }
      return new Promise((resolve, reject) => {
        outgoing.once("close", () => reject(new Error("the connection was closed before its answer")));
        listener(incoming, new CapturedResponse(incoming, outgoing, resolve));
      });
    });
  }

  async #refuse(passing: Passing, { name }: Strike, instead: Instead): Promise<void> {
    const { asked, incoming, outgoing, asksFirst } = passing;
    const { network } = this.#options.clock;
    if ("connection" in instead) {
      if (instead.connection === "cut-in-body") await halfRead(incoming, outgoing, asksFirst);
      this.#record(passing, { status: 0, decision: `fault ${name}` });
      // What is never answered is ended with the connection, by the client or with the simulator.
      if (instead.connection === "silence") incoming.resume();
      else if (instead.connection === "reset") incoming.socket.resetAndDestroy();
      else outgoing.destroy();
      return;
    }
    const { reason, beforeBody = false } = instead;
    this.#refusals += 1;
    const now = this.#options.clock.now();
    const { answer, requestId } = addressed(instead.answer, asked, { number: this.#refusals, now });
    const decision = reason === undefined ? `fault ${name}` : `${reason}: fault ${name}`;
    // A body that was asked for by nobody may come all the same: this connection cannot be used again.
    if (beforeBody || asksFirst) outgoing.setHeader("connection", "close");
    else await read(incoming);
    this.#record(passing, { status: answer.status, decision, ...(requestId === undefined ? {} : { requestId }) });
    await deliver(outgoing, answer, { delivery: {}, pauses: network, signal: this.#ending.signal });
    incoming.resume();
  }

  #record(
    { asked, at, strikes, incoming }: Passing,
    outcome: { status: number; decision: string; requestId?: string },
  ): void {
    const { service, client, operation, method, accessKeyId = "" } = asked;
    const { journal, ledger } = this.#options;
    const generation = ledger.find(accessKeyId)?.generation;
    journal.record({
      at,
      service,
      client,
      operation,
      method,
      path: incoming.url ?? "",
      ...outcome,
      faults: strikes.map(({ name }) => name),
      ...(generation === undefined ? {} : { generation }),
    });
  }
}

/** Reads the body of a request to its end. */
function read(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (incoming.complete) resolve();
    incoming.once("end", resolve).once("close", () => reject(new Error("the client went away")));
    incoming.resume();
  });
}

/** Reads half of a body whose length is known; of another one, its first piece. */
function halfRead(incoming: IncomingMessage, outgoing: ServerResponse, asksFirst: boolean): Promise<void> {
  if (asksFirst) outgoing.writeContinue();
  const half = Number(incoming.headers["content-length"] ?? 0) / 2;
  return new Promise((resolve) => {
    let size = 0;
    incoming.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size >= half) resolve();
    });
    incoming.once("end", resolve).once("close", resolve);
  });
}
