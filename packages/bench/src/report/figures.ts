/** Figures as people read them: three digits, a unit, a real minus sign. */

import type { Interval } from "../statistics/bootstrap.js";
import type { Unit } from "../verdict/metrics.js";

type Step = readonly [from: number, name: string];

const TIMES: readonly Step[] = [
  [1e6, "s"],
  [1e3, "ms"],
  [1, "µs"],
];

const SIZES: readonly Step[] = [
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];

export function figureText(figure: number, unit: Unit): string {
  if (!Number.isFinite(figure)) return "–";
  if (unit === "per second") return `${digits(figure)}/s`;
  if (unit === "share") return percentText(figure);
  const steps = unit === "bytes" ? SIZES : TIMES;
  const [size, name] = steps.find(([from]) => figure >= from) ?? (steps.at(-1) as Step);
  return `${digits(figure / size)} ${name}`;
}

/** `4.0 KiB` is `4 KiB` when somebody asked for it. */
export function sizeText(bytes: number): string {
  const [size, name] = SIZES.find(([from]) => bytes >= from) ?? [1, "B"];
  return `${Number((bytes / size).toFixed(1))} ${name}`;
}

/** 0.952 is `−4.8 %`, 11.6 is `11.6 ×`. */
export function changeText(ratio: number): string {
  return isFactor(ratio) ? factorText(ratio) : percentChange(ratio);
}

/** Both ends in the same form. */
export function intervalText({ low, high }: Pick<Interval, "low" | "high">): string {
  const text = isFactor(low) || isFactor(high) ? factorText : percentChange;
  return `${text(low)} … ${text(high)}`;
}

/** Far from 1 a percentage is hard to imagine. */
const isFactor = (ratio: number) => ratio >= 2 || ratio < 0.5;

function factorText(ratio: number): string {
  if (ratio === Number.POSITIVE_INFINITY) return "∞";
  return Number.isNaN(ratio) ? "–" : `${digits(ratio)} ×`;
}

function percentChange(ratio: number): string {
  if (Number.isNaN(ratio)) return "–";
  const percent = 100 * (ratio - 1);
  const size = Math.abs(percent).toFixed(1);
  if (size === "0.0") return "0.0 %";
  return `${percent < 0 ? "−" : "+"}${size} %`;
}

export const percentText = (share: number) => `${Number((100 * share).toFixed(2))} %`;

export function probabilityText(p: number): string {
  if (p < 0.001) return "<0.001";
  return p.toFixed(3);
}

export const countText = (count: number) => count.toLocaleString("en-US");

function digits(figure: number): string {
  if (figure >= 100) return Math.round(figure).toLocaleString("en-US");
  return figure.toFixed(figure >= 10 ? 1 : 2);
}
