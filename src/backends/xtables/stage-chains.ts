import type { Match, Stage, Verdict } from '../../rules/rule.ts';
import type { Drop } from './drops.ts';

/** How one table expresses matches and verdicts. */
export interface Dialect {
  readonly match: (match: Match) => string;
  readonly drop: Drop;
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
  const unless = unlessRules(stage, dialect);
  if (unless !== undefined) return { rules: unless, chains: new Map() };
  const rules = [
    ...stage.rules.flatMap(({ match, verdict }) => lines(dialect.match(match), verdict, dialect)),
    ...otherwise(stage, dialect),
  ];
  const apart = dialect.pass === undefined && stage.rules.some(({ verdict }) => verdict === 'pass');
  return apart ? { rules: [`-j ${chain}`], chains: new Map([[chain, rules]]) } : { rules, chains: new Map() };
}

/** A stage that lets a single match pass, as rules about all other frames. */
function unlessRules({ rules, otherwise }: Stage, dialect: Dialect): readonly string[] | undefined {
  const [only, ...others] = rules;
  if (only?.verdict !== 'pass' || others.length > 0 || dialect.pass !== undefined) return undefined;
  const unless = dialect.unless?.(only.match);
  return unless === undefined ? undefined : lines(unless, otherwise, dialect);
}

function otherwise(stage: Stage, dialect: Dialect): readonly string[] {
  if (stage.otherwise === 'pass' && dialect.pass === undefined) return [];
  return lines(dialect.match({}), stage.otherwise, dialect);
}

function lines(match: string, verdict: Verdict, dialect: Dialect): readonly string[] {
  const { accept, drop, pass = '-j RETURN' } = dialect;
  if (typeof verdict !== 'string') return drop(verdict.drop, match);
  return [`${match} ${verdict === 'accept' ? accept : pass}`.trimStart()];
}
