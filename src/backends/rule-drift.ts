import type { Drift } from './backend.ts';

/** What a chain holds, and what it should. */
export interface ChainRules {
  readonly where: string;
  readonly have: readonly string[];
  readonly want: readonly string[];
}

export function ruleDrift({ where, have, want }: ChainRules): Drift[] {
  const missing = without(want, have).map((what) => ({ where, kind: 'missing', what }) as const);
  const unexpected = without(have, want).map((what) => ({ where, kind: 'unexpected', what }) as const);
  const swapped = have.findIndex((rule, index) => rule !== want[index]);
  if (missing.length > 0 || unexpected.length > 0 || swapped < 0) return [...missing, ...unexpected];
  return [{ where, kind: 'unexpected', what: `${have[swapped]} (out of order)` }];
}

/** The lines of `all` that are not in `some`, each as often as it is there once more. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...some];
  return all.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
