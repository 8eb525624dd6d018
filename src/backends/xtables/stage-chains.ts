import { PROTOCOL } from '../../rules/protocols.ts';
import { type Match, pass, type Rule, type Stage, type Verdict } from '../../rules/rule.ts';
import { reasonChain } from './chains.ts';
import { hex, VERDICT, verdictMark } from './marks.ts';

/** How one table says things. */
export interface Dialect {
  readonly match: (match: Match) => string;
  /** The frames that do not match, if the tool can say that of every frame, a malformed one too. */
  readonly unless?: (match: Match) => string | undefined;
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
  const [only, ...others] = stage.rules;
  const unless = only?.verdict === 'pass' && others.length === 0 ? dialect.unless?.(only.match) : undefined;
  if (unless !== undefined) return { rules: [line(unless, stage.otherwise, dialect)], chains: new Map() };
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
 * rules of `markedDrops`.
 *
 * @param accept the target for what passes; to go on behind the call when absent.
 */
export function renderShared(
  stage: Stage,
  { match, accept = '-j RETURN' }: Pick<Dialect, 'match'> & Partial<Dialect>,
): readonly string[] {
  const target = (verdict: Verdict): string =>
    typeof verdict === 'string'
      ? accept
      : `-j mark --mark-or ${hex(verdictMark(verdict.drop))} --mark-target RETURN`;
  const rules = stage.otherwise === 'pass' ? byProtocol(stage.rules) : stage.rules;
  const lines = rules.map((rule) => `${match(rule.match)} ${target(rule.verdict)}`);
  return stage.otherwise === 'pass' ? lines : [...lines, target(stage.otherwise)];
}

const FREQUENT: readonly unknown[] = [PROTOCOL.tcp, PROTOCOL.udp];

/**
 * Rules behind which frames pass on, TCP's and UDP's first: these frames are then through. Rules about
 * different protocols have no frame in common; of others nothing is known.
 */
function byProtocol(rules: readonly Rule[]): readonly Rule[] {
  if (!rules.every(({ match }) => typeof match.protocol === 'number')) return rules;
  const about = (protocol: number) => rules.filter(({ match }) => match.protocol === protocol);
  return [
    ...about(PROTOCOL.tcp),
    pass({ protocol: PROTOCOL.tcp }),
    ...about(PROTOCOL.udp),
    pass({ protocol: PROTOCOL.udp }),
    ...rules.filter(({ match }) => !FREQUENT.includes(match.protocol)),
  ];
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
