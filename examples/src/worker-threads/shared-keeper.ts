// One Keeper for all threads. A Keeper cannot be sent to a worker, but its credentials can: each worker has a Keeper of
// its own whose source is the main thread, so the instance metadata service is asked once for all of them, and what one
// worker learns from a refusal helps the others.
//
// Without this each worker's Keeper asks the source itself: a dozen requests an hour each, which is nothing to a few.

import { once } from "node:events";
import type { MessagePort } from "node:worker_threads";
import { type CredentialSource, createKeeper, type Keeper, type Snapshot } from "@evertoken/credentials";

interface Question {
  /** The access key id that a service refused to this worker, if that is why it asks. */
  readonly refused: string | undefined;
}

type Answer = { readonly credentials: Snapshot } | { readonly error: string };

/** In the main thread: answers a worker at the other end of `port`. */
export function shareKeeper(keeper: Keeper, port: MessagePort): void {
  port.on("message", async ({ refused }: Question) => {
    let answer: Answer;
    try {
      if (refused !== undefined) await keeper.reject(refused, "refused to a worker thread");
      answer = { credentials: await keeper.snapshot() };
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(answer);
  });
  // Answering is no reason to live.
  port.unref();
}

/** In a worker: a Keeper that asks the main thread at the other end of `port`. */
export function sharedKeeper(port: MessagePort): Keeper {
  const source: CredentialSource = {
    name: "the main thread",
    // Asking costs next to nothing, so rotations are taken when they happen.
    watchable: true,
    // A Keeper asks one question at a time, so the next answer is the one to this question.
    async load({ signal }) {
      const { state, accessKeyId } = keeper.status();
      port.postMessage({ refused: state === "rejected" ? accessKeyId : undefined } satisfies Question);
      port.ref();
      try {
        const [answer] = (await once(port, "message", { signal })) as [Answer];
        if ("error" in answer) throw new Error(answer.error);
        return { credentials: answer.credentials };
      } finally {
        port.unref();
      }
    },
    close: () => port.close(),
  };
  const keeper = createKeeper({ source });
  return keeper;
}
