/** The newest of what was added, up to a number: older ones make room. */
export class Ring<T> {
  readonly #capacity: number;
  readonly #kept: T[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(one: T): void {
    this.#kept[this.#next] = one;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Oldest first. */
  all(): T[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
  }
}
