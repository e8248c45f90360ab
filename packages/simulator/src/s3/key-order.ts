/**
 * Keys in the order in which S3 lists them, by their UTF-8 bytes. JavaScript compares by UTF-16 units, which differs where
 * one of two characters is beyond the basic plane.
 */

const SURROGATE = 0xd800;

export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x === y) continue;
    const [isHighX, isHighY] = [isSurrogate(x), isSurrogate(y)];
    if (isHighX !== isHighY) return isHighX ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= SURROGATE && unit < 0xe000;
}

/** A set of keys that is sorted when somebody looks, which is more seldom than it changes. */
export class SortedKeys {
  #sorted: string[] = [];
  #added = new Set<string>();
  #removed = new Set<string>();

  add(key: string): void {
    if (!this.#removed.delete(key)) this.#added.add(key);
  }

  remove(key: string): void {
    if (!this.#added.delete(key)) this.#removed.add(key);
  }

  all(): readonly string[] {
    if (this.#removed.size > 0) {
      this.#sorted = this.#sorted.filter((key) => !this.#removed.has(key));
      this.#removed.clear();
    }
    if (this.#added.size > 0) {
      // The engine's sort finds runs that are in order already, so this is a merge.
      this.#sorted = [...this.#sorted, ...[...this.#added].sort(compareKeys)].sort(compareKeys);
      this.#added.clear();
    }
    return this.#sorted;
  }

  /** Where the first key stands that is not before `key`. */
  indexOf(key: string): number {
    const keys = this.all();
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
