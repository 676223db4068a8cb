// Owns how the soak writes numbers and times.
const format = new Intl.NumberFormat('en');

export const number = (value: number): string => format.format(value);

export const plural = (count: number, noun: string): string =>
  `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Seconds up to two minutes, then minutes. */
export function duration(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 60_000).toFixed(1)} min`;
}
