/**
 * Which members get requests: acts on what `outlier.ts` judges. Time is read at each use; there is no timer.
 */

import { jittered, type Random } from "@evertoken/core";
import type { AwsClient } from "./aws-types.js";
import type { Member } from "./member.js";
import { type EjectionSettings, type Outcome, successRateOutliers } from "./outlier.js";

export interface Ejection {
  /** The member's id. */
  readonly member: number;
  readonly reason: "consecutive-failures" | "success-rate";
  readonly forMs: number;
}

export class Health<C extends AwsClient> {
  readonly #settings: EjectionSettings;
  readonly #random: Random;
  readonly #tell: (ejection: Ejection) => void;
  #intervalEnd = Number.NEGATIVE_INFINITY;
  /** When the last ejection ends, on the clock's monotonic scale. */
  #allFitFrom = Number.NEGATIVE_INFINITY;

  constructor(settings: EjectionSettings, random: Random, tell: (ejection: Ejection) => void) {
    this.#settings = settings;
    this.#random = random;
    this.#tell = tell;
  }

  /** Those of `members` that get requests: all, if there would be none. */
  fit(members: readonly Member<C>[], now: number): readonly Member<C>[] {
    if (now >= this.#allFitFrom) return members;
    const fit = members.filter(({ ejectedUntil }) => ejectedUntil <= now);
    return fit.length > 0 ? fit : members;
  }

  /** Takes note of how a request of `member` ended. */
  note(member: Member<C>, outcome: Outcome, members: readonly Member<C>[], now: number): void {
    if (outcome === "neither") return;
    member.recent[outcome] += 1;
    member.failuresInARow = outcome === "bad" ? member.failuresInARow + 1 : 0;
    if (member.failuresInARow >= this.#settings.consecutiveFailures) {
      this.#eject(member, "consecutive-failures", members, now);
    }
    if (now >= this.#intervalEnd) this.#endInterval(members, now);
  }

  #endInterval(members: readonly Member<C>[], now: number): void {
    this.#intervalEnd = now + this.#settings.intervalMs;
    for (const outlier of successRateOutliers(members, this.#settings)) {
      this.#eject(outlier, "success-rate", members, now);
    }
    for (const member of members) {
      if (member.recent.bad === 0 && member.ejectedUntil <= now) {
        member.ejectionFactor = Math.max(0, member.ejectionFactor - 1);
      }
      member.recent = { good: 0, bad: 0 };
    }
  }

  #eject(member: Member<C>, reason: Ejection["reason"], members: readonly Member<C>[], now: number): void {
    const { baseEjectionMs, maxEjectionMs, maxEjectionPercent } = this.#settings;
    const ejected = members.filter(({ ejectedUntil }) => ejectedUntil > now).length;
    // One may always be ejected, as A50 says, unless it is the last that gets requests.
    const room = ejected === 0 || (ejected + 1) / members.length <= maxEjectionPercent / 100;
    if (member.ejectedUntil > now || !room || members.length - ejected <= 1) return;
    member.ejectionFactor += 1;
    member.failuresInARow = 0;
    member.counts.ejected += 1;
    // Those ejected together must not come back together.
    const forMs = jittered(Math.min(baseEjectionMs * member.ejectionFactor, maxEjectionMs), 0.1, this.#random);
    member.ejectedUntil = now + forMs;
    this.#allFitFrom = Math.max(this.#allFitFrom, member.ejectedUntil);
    this.#tell({ member: member.id, reason, forMs });
  }
}
