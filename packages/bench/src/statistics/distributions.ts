/**
 * The two distributions that intervals and tests are measured against, to the precision of a double. Libraries have them as
 * tables of three digits, or with dozens of packages behind them.
 */

/** P(Z ≤ z) of the standard normal distribution. @see Marsaglia, Evaluating the Normal Distribution, J. Stat. Software 11 (2004) */
export function normalCumulative(z: number): number {
  // The series' terms cancel each other out there, and nothing is left to add.
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let [sum, term] = [z, z];
  for (let power = 3; Math.abs(term) > 1e-17; power += 2) {
    term *= (z * z) / power;
    sum += term;
  }
  return 0.5 + sum * density(z);
}

const density = (z: number) => Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);

/** P(T ≤ t) of Student's t distribution with a whole number of degrees of freedom. @see Abramowitz & Stegun, 26.7.3 and 26.7.4 */
export function studentCumulative(t: number, degrees: number): number {
  const angle = Math.atan2(t, Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = degrees % 2 === 1;
  let sum = 0;
  for (let [power, term] = isOdd ? [1, cosine] : [0, 1]; power <= degrees - 2; power += 2) {
    sum += term;
    term *= (cosine * cosine * (power + 1)) / (power + 2);
  }
  const between = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return (1 + between) / 2;
}

/** The z that a standard normal variable stays below with probability `p`. */
export const normalQuantile = (p: number) => inverse(normalCumulative, p);

/** The t that a variable of Student's distribution stays below with probability `p`. */
export const studentQuantile = (p: number, degrees: number) => inverse((t) => studentCumulative(t, degrees), p);

/** By halving: both functions rise, and nobody asks often enough for anything cleverer. */
function inverse(cumulative: (x: number) => number, p: number): number {
  let [low, high] = [-1, 1];
  while (cumulative(low) > p && low > -1e12) low *= 2;
  while (cumulative(high) < p && high < 1e12) high *= 2;
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (cumulative(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
