/**
 * Other categories of IMDS, read through and kept for a while, so that a whole host makes one set of requests: only paths
 * that are allowed, one request at a time for each, however many ask. While IMDS is down what was read last is answered.
 */

import type { Clock } from "@evertoken/core";
import { type ImdsClient, ImdsError } from "@evertoken/imds";

export interface CategoriesOptions {
  readonly imds: ImdsClient;
  readonly clock: Clock;
  /** Paths below `/latest/`; one that ends in `*` allows what begins like it. */
  readonly allowed: readonly string[];
}

/** What IMDS said: a value, or that there is none. */
export type Category = { readonly found: string } | "absent";

interface Kept {
  readonly category: Category;
  /** Wall clock. */
  readonly freshUntil: number;
}

/** As often as the Keeper watches: what an instance is does not change faster. */
const FRESH_MS = 5 * 60_000;

/** What is not there may come: a role that is attached, a spot notice. */
const ABSENT_FRESH_MS = 5000;

/** Paths allowed by a `*` may be any number. */
const MAX_KEPT = 256;

export class Categories {
  readonly #imds: ImdsClient;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #flights = new Map<string, Promise<Category>>();
  #allowed: readonly string[];

  constructor({ imds, clock, allowed }: CategoriesOptions) {
    this.#imds = imds;
    this.#clock = clock;
    this.#allowed = allowed;
  }

  allow(allowed: readonly string[]): void {
    this.#allowed = allowed;
  }

  isAllowed(path: string): boolean {
    return this.#allowed.some((rule) => (rule.endsWith("*") ? path.startsWith(rule.slice(0, -1)) : path === rule));
  }

  /** What is known without asking, if it is fresh. */
  known(path: string): Category | undefined {
    const kept = this.#kept.get(path);
    return kept !== undefined && this.#clock.now() < kept.freshUntil ? kept.category : undefined;
  }

  /** @throws ImdsError when IMDS cannot be asked and has never been. */
  read(path: string): Promise<Category> {
    const underWay = this.#flights.get(path);
    if (underWay !== undefined) return underWay;
    const flight = this.#read(path).finally(() => this.#flights.delete(path));
    this.#flights.set(path, flight);
    return flight;
  }

  async #read(path: string): Promise<Category> {
    try {
      return this.#keep(path, { found: await this.#imds.get(path) }, FRESH_MS);
    } catch (error) {
      if (error instanceof ImdsError && error.code === "IMDS_NOT_FOUND") {
        return this.#keep(path, "absent", ABSENT_FRESH_MS);
      }
      const last = this.#kept.get(path)?.category;
      if (last === undefined) throw error;
      return last;
    }
  }

  #keep(path: string, category: Category, freshMs: number): Category {
    this.#kept.delete(path);
    this.#kept.set(path, { category, freshUntil: this.#clock.now() + freshMs });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return category;
  }
}
