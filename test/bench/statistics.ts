/** What repeated measurements of one thing come to. */
export interface Summary {
  readonly median: number;
  /** The quartiles: half of all measurements lie between them. */
  readonly quartiles: readonly [number, number];
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { median: at(0.5), quartiles: [at(0.25), at(0.75)] };
}

/** Between two measurements, in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place % 1);
}
