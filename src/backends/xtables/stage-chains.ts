import type { Match, Stage, Verdict } from '../../rules/rule.ts';
import { reasonChain } from './chains.ts';

/** How one table expresses matches and verdicts. */
export interface Dialect {
  readonly match: (match: Match) => string;
  /** The frames that do not match, if the tool can say that of every frame, a malformed one too. */
  readonly unless?: (match: Match) => string | undefined;
  /** The target that accepts for good. */
  readonly accept: string;
  /** The target for what passes; absent: it goes on behind the stage. */
  readonly pass?: string | undefined;
}

export interface Rendered {
  /** The rules that stand in the calling chain. */
  readonly rules: readonly string[];
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/**
 * A stage as rules in the calling chain; a stage that may let frames pass before its last rule needs a chain of
 * its own to return from.
 */
export function renderStage(stage: Stage, chain: string, dialect: Dialect): Rendered {
  const unless = unlessRule(stage, dialect);
  if (unless !== undefined) return { rules: [unless], chains: new Map() };
  const rules = [
    ...stage.rules.map(({ match, verdict }) => line(dialect.match(match), verdict, dialect)),
    ...otherwise(stage, dialect),
  ];
  const apart = dialect.pass === undefined && stage.rules.some(({ verdict }) => verdict === 'pass');
  return apart ? { rules: [`-j ${chain}`], chains: new Map([[chain, rules]]) } : { rules, chains: new Map() };
}

/** A stage that lets a single match pass, as one rule about all other frames. */
function unlessRule({ rules, otherwise }: Stage, dialect: Dialect): string | undefined {
  const [only, ...others] = rules;
  if (only?.verdict !== 'pass' || others.length > 0 || dialect.pass !== undefined) return undefined;
  const unless = dialect.unless?.(only.match);
  return unless === undefined ? undefined : line(unless, otherwise, dialect);
}

function otherwise(stage: Stage, dialect: Dialect): readonly string[] {
  if (stage.otherwise !== 'pass') return [line(dialect.match({}), stage.otherwise, dialect)];
  return dialect.pass === undefined ? [] : [dialect.pass];
}

function line(match: string, verdict: Verdict, dialect: Dialect): string {
  return match === '' ? target(verdict, dialect) : `${match} ${target(verdict, dialect)}`;
}

function target(verdict: Verdict, { accept, pass = '-j RETURN' }: Dialect): string {
  if (verdict === 'accept') return accept;
  return verdict === 'pass' ? pass : `-j ${reasonChain(verdict.drop)}`;
}
