/** The newest of what was added, up to a number and a size: older ones make room. */

export interface RingLimits<T> {
  readonly most: number;
  readonly mostBytes: number;
  /** About how much memory one takes. */
  readonly bytesOf: (one: T) => number;
}

export class Ring<T> {
  readonly #limits: RingLimits<T>;
  readonly #kept: (T | undefined)[] = [];
  /** Where the oldest is. */
  #first = 0;
  #size = 0;
  #bytes = 0;

  constructor(limits: RingLimits<T>) {
    this.#limits = limits;
  }

  add(one: T): void {
    const { most, mostBytes, bytesOf } = this.#limits;
    this.#bytes += bytesOf(one);
    while (this.#size > 0 && (this.#size >= most || this.#bytes > mostBytes)) this.#dropOldest();
    this.#kept[(this.#first + this.#size) % most] = one;
    this.#size += 1;
  }

  /** Oldest first. */
  all(): T[] {
    const { most } = this.#limits;
    return Array.from({ length: this.#size }, (_, index) => this.#kept[(this.#first + index) % most] as T);
  }

  #dropOldest(): void {
    const { most, bytesOf } = this.#limits;
    this.#bytes -= bytesOf(this.#kept[this.#first] as T);
    this.#kept[this.#first] = undefined;
    this.#first = (this.#first + 1) % most;
    this.#size -= 1;
  }
}
