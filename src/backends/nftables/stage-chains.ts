import type { Stage, Verdict } from '../../rules/rule.ts';
import type { DropWay } from '../drop-log.ts';
import type { Context, Term } from './match.ts';
import { groupRules, type RuleGroup } from './rule-groups.ts';
import {
  type Chain,
  device,
  dropChain,
  type Element,
  type Elements,
  elementText,
  PORT,
  type SetDeclaration,
  type Table,
} from './table.ts';

/** Where a stage stands. */
export interface Place extends Context {
  readonly way: DropWay;
  /** The name of the stage's chain, if it needs one, and the beginning of its sets' names. */
  readonly name: string;
  /** The index of the port's device. */
  readonly index: number;
  /** What ends the way with acceptance. */
  readonly accept: string;
}

/** The rules that stand in the calling chain, and what they need besides. */
export interface Rendered extends Table {
  readonly rules: readonly string[];
  /** Whether no frame comes through undecided. */
  readonly closed: boolean;
}

/**
 * A stage as rules in the calling chain; one that judges only some frames, or from whose middle frames
 * pass on, needs a chain of its own to return from. A port's own addresses are elements of sets, beside its
 * index, so that the rules are the same for all ports whose policies have the same form.
 */
export function renderStage(stage: Stage, place: Place): Rendered {
  const groups = groupRules(stage.rules, place).map((group, index) =>
    renderGroup(group, `${place.name}/${index}`, place),
  );
  const rules = [
    ...groups.map(({ rule }) => rule),
    ...(stage.otherwise === 'pass' ? [] : [verdictText(stage.otherwise, place)]),
  ];
  const sets = new Map<string, SetDeclaration>(groups.flatMap(({ sets }) => sets));
  const elements: Elements = new Map(groups.flatMap(({ elements }) => elements));
  const apart = stage.only !== undefined || stage.rules.some(({ verdict }) => verdict === 'pass');
  if (!apart) return { rules, closed: stage.otherwise !== 'pass', chains: new Map(), sets, elements };
  const chains = new Map<string, Chain>([[place.name, { rules }]]);
  return { rules: calls(stage, place), closed: false, chains, sets, elements };
}

/** The matches of `only` hold no addresses of the port's own. */
function calls({ only }: Stage, place: Place): readonly string[] {
  const jump = `jump ${place.name}`;
  if (only === undefined) return [jump];
  const rules = only.map((match) => ({ match, verdict: 'accept' }) as const);
  return groupRules(rules, place).map(({ terms }) => [...terms.map(termText), jump].join(' '));
}

interface RenderedGroup {
  readonly rule: string;
  readonly sets: readonly (readonly [string, SetDeclaration])[];
  readonly elements: readonly (readonly [string, readonly Element[]])[];
}

function renderGroup(
  { terms, keys, elements, verdict }: RuleGroup,
  set: string,
  place: Place,
): RenderedGroup {
  const { index, way } = place;
  const port = PORT[way];
  const lookup = [
    port,
    ...keys.map(({ field, mask }) => (mask === undefined ? field : `${field} & ${mask}`)),
  ];
  const words = [
    ...terms.map(termText),
    ...(keys.length === 0 ? [] : [`${lookup.join(' . ')} @${set}`]),
    verdictText(verdict, place),
  ];
  if (keys.length === 0) return { rule: words.join(' '), sets: [], elements: [] };
  const type = [port, ...keys.map(({ field }) => field)].join(' . ');
  const own = elements.map((values) => ({ key: [device(index), ...values] }));
  return {
    rule: words.join(' '),
    sets: [[set, { kind: 'set', body: `typeof ${type}` }]],
    elements: [[set, [...new Map(own.map((element) => [elementText(element), element])).values()]]],
  };
}

function termText(term: Term): string {
  if (typeof term === 'string') return term;
  const values = term.ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return `${term.field} ${values.length === 1 ? values[0] : `{ ${values.join(', ')} }`}`;
}

function verdictText(verdict: Verdict, { accept, way }: Place): string {
  if (verdict === 'accept') return accept;
  return verdict === 'pass' ? 'return' : `goto ${dropChain(way, verdict.drop)}`;
}
