/**
 * Typed events. Rooms say what happened; whoever is interested (telemetry, the agent, a test) listens. Listening can
 * never change what the room does: a listener that throws is reported as a process warning and the others still hear.
 */

export type Listener<T> = (event: T) => void;

/** The listening half: what a room shows to the outside. `M` maps event names to what they carry. */
export interface EventSource<M> {
  /** Calls `listener` at each event of that name. Returns the way to stop listening. */
  on<K extends keyof M>(event: K, listener: Listener<M[K]>): () => void;
}

export interface Events<M> extends EventSource<M> {
  emit<K extends keyof M>(event: K, carried: M[K]): void;
  /** Whether anybody listens: asked before telling of what is costly to find out. */
  isHeard(event: keyof M): boolean;
}

export function createEvents<M>(): Events<M> {
  const listeners = new Map<keyof M, Set<Listener<never>>>();
  return {
    isHeard: (event) => (listeners.get(event)?.size ?? 0) > 0,
    on(event, listener) {
      const heard = listeners.get(event) ?? new Set();
      listeners.set(event, heard);
      heard.add(listener);
      return () => heard.delete(listener);
    },
    emit(event, carried) {
      for (const listener of listeners.get(event) ?? []) {
        try {
          (listener as Listener<typeof carried>)(carried);
        } catch (error) {
          process.emitWarning(`a listener of "${String(event)}" threw: ${String(error)}`, "EvertokenListenerWarning");
        }
      }
    },
  };
}
