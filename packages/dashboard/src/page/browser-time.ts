/**
 * The one place of the page where time and chance come from the browser; everything else is handed a {@link Time}.
 *
 * `now` is the wall clock on purpose: in a sleeping laptop `performance.now()` may stand still, and how old a figure is must
 * be right the moment somebody opens the lid.
 */

export interface Time {
  /** Epoch milliseconds of the computer that shows the page. */
  now(): number;
  /** @returns the way to call it off. */
  after(ms: number, act: () => void): () => void;
  /** Again and again. @returns the way to end it. */
  every(ms: number, act: () => void): () => void;
  /** Before the browser paints next; not at all while the page is hidden. @returns the way to call it off. */
  atNextFrame(act: () => void): () => void;
  /** 0 inclusive to 1 exclusive. */
  random(): number;
}

export const browserTime: Time = {
  now: () => Date.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, act) => {
    const timer = setInterval(act, ms);
    return () => clearInterval(timer);
  },
  atNextFrame: (act) => {
    const frame = requestAnimationFrame(act);
    return () => cancelAnimationFrame(frame);
  },
  random: () => Math.random(),
};
