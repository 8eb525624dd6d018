import type { Match, Stage, Verdict } from '../../rules/rule.ts';
import { reasonChain } from './chains.ts';

/** How one table says things. */
export interface Dialect {
  readonly match: (match: Match) => string;
  /** The target that ends the way with acceptance. */
  readonly accept: string;
}

export interface Rendered {
  /** The rules that stand in the calling chain. */
  readonly rules: readonly string[];
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/**
 * A stage as rules in the calling chain; one whose frames may pass on from the middle needs a chain
 * of its own to return from.
 */
export function renderStage(stage: Stage, chain: string, dialect: Dialect): Rendered {
  const rules = [
    ...stage.rules.map(({ match, verdict }) => line(dialect.match(match), verdict, dialect)),
    ...(stage.otherwise === 'pass' ? [] : [line(dialect.match({}), stage.otherwise, dialect)]),
  ];
  return stage.rules.some(({ verdict }) => verdict === 'pass')
    ? { rules: [`-j ${chain}`], chains: new Map([[chain, rules]]) }
    : { rules, chains: new Map() };
}

function line(match: string, verdict: Verdict, dialect: Dialect): string {
  return match === '' ? target(verdict, dialect) : `${match} ${target(verdict, dialect)}`;
}

function target(verdict: Verdict, { accept }: Dialect): string {
  if (verdict === 'accept') return accept;
  return verdict === 'pass' ? '-j RETURN' : `-j ${reasonChain(verdict.drop)}`;
}
