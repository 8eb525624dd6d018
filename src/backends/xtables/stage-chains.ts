import type { Match, Rule, Stage, Verdict } from '../../rules/rule.ts';
import { reasonChain } from './chains.ts';
import { hex, VERDICT, verdictMark } from './marks.ts';
import { withShortCuts } from './short-cuts.ts';

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

/**
 * A stage in a chain that many ports share. A drop is only marked there: the port drops it, by the
 * rules of `markedDrops`. Accepting is the same as passing on, so this is for stages without or at the end.
 */
export function renderShared(stage: Stage, match: (match: Match) => string): readonly string[] {
  const target = (verdict: Verdict): string =>
    typeof verdict === 'string'
      ? '-j RETURN'
      : `-j mark --mark-or ${hex(verdictMark(verdict.drop))} --mark-target RETURN`;
  const lines = (rules: readonly Rule[]) =>
    rules.map((rule) => `${match(rule.match)} ${target(rule.verdict)}`);
  return stage.otherwise === 'pass'
    ? lines(withShortCuts(stage.rules))
    : [...lines(stage.rules), target(stage.otherwise)];
}

/** Drops what shared stages have marked, each reason by a rule of its own that counts. */
export function markedDrops(stages: readonly Stage[]): readonly string[] {
  const verdicts = stages.flatMap(({ rules, otherwise }) => [
    ...rules.map(({ verdict }) => verdict),
    otherwise,
  ]);
  const reasons = verdicts.flatMap((verdict) => (typeof verdict === 'string' ? [] : [verdict.drop]));
  return [...new Set(reasons)].map(
    (reason) => `--mark ${hex(verdictMark(reason))}/${hex(VERDICT)} -j ${reasonChain(reason)}`,
  );
}

/** The match of a frame that a shared stage has marked for dropping. */
export const MARKED = `--mark ! 0x0/${hex(VERDICT)}`;

function line(match: string, verdict: Verdict, dialect: Dialect): string {
  return match === '' ? target(verdict, dialect) : `${match} ${target(verdict, dialect)}`;
}

function target(verdict: Verdict, { accept }: Dialect): string {
  if (verdict === 'accept') return accept;
  return verdict === 'pass' ? '-j RETURN' : `-j ${reasonChain(verdict.drop)}`;
}
