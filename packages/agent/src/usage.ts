/** Who asks, and how often: for `evertoken status` and the metrics. Bounded: the longest unseen is forgotten first. */

export interface ClientUsage {
  /** `uid 1000 /usr/bin/python3`, or an address where that is not known. */
  readonly client: string;
  /** How often it was handed credentials. */
  readonly answers: number;
  /** Epoch milliseconds, like `lastAt`. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** The mean pause between two answers; undefined after one. */
  readonly everySeconds: number | undefined;
}

interface Counted {
  answers: number;
  readonly firstAt: number;
  lastAt: number;
}

const MAX_CLIENTS = 256;

export class Usage {
  readonly #clients = new Map<string, Counted>();
  readonly #refused = new Map<string, number>();
  #answers = 0;

  get answers(): number {
    return this.#answers;
  }

  note(client: string, now: number): void {
    this.#answers += 1;
    const counted = this.#clients.get(client) ?? { answers: 0, firstAt: now, lastAt: now };
    counted.answers += 1;
    counted.lastAt = now;
    if (counted.answers > 1) return;
    this.#clients.set(client, counted);
    if (this.#clients.size > MAX_CLIENTS) this.#forgetLongestUnseen();
  }

  noteRefused(kind: string): void {
    this.#refused.set(kind, (this.#refused.get(kind) ?? 0) + 1);
  }

  refused(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused);
  }

  /** Most frequent first. */
  clients(): readonly ClientUsage[] {
    return [...this.#clients]
      .map(([client, { answers, firstAt, lastAt }]) => ({
        client,
        answers,
        firstAt,
        lastAt,
        everySeconds: answers > 1 ? (lastAt - firstAt) / (answers - 1) / 1000 : undefined,
      }))
      .sort((a, b) => b.answers - a.answers);
  }

  #forgetLongestUnseen(): void {
    let unseen: [string, Counted] | undefined;
    for (const entry of this.#clients) if (unseen === undefined || entry[1].lastAt < unseen[1].lastAt) unseen = entry;
    if (unseen !== undefined) this.#clients.delete(unseen[0]);
  }
}
