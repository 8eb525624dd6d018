import type { Range, Rule, Verdict } from '../../rules/rule.ts';
import { type Context, type Key, type NftMatch, type NumberTerm, nftMatches, type Term } from './match.ts';
import type { KeyPart } from './table.ts';

/** Rules of one verdict that nft says in one rule, by a set of numbers or of the port's own addresses. */
export interface RuleGroup {
  readonly terms: readonly Term[];
  /** What the addresses are compared with; the same in all of `elements`. */
  readonly keys: readonly Omit<Key, 'value'>[];
  /** The values of each rule's keys. */
  readonly elements: readonly (readonly KeyPart[])[];
  readonly verdict: Verdict;
}

/** The order of neighbours with one verdict does not matter: which of them matches first is all one. */
export function groupRules(rules: readonly Rule[], context: Context): readonly RuleGroup[] {
  return runs(rules).flatMap((run) =>
    run
      .flatMap(({ match, verdict }) => nftMatches(match, context).map((found) => groupOf(found, verdict)))
      .reduce<RuleGroup[]>(addTo, []),
  );
}

function runs(rules: readonly Rule[]): Rule[][] {
  const found: Rule[][] = [];
  for (const rule of rules) {
    const last = found.at(-1);
    if (last !== undefined && isSame(last[0]?.verdict, rule.verdict)) last.push(rule);
    else found.push([rule]);
  }
  return found;
}

function groupOf({ terms, keys }: NftMatch, verdict: Verdict): RuleGroup {
  return {
    terms,
    keys: keys.map(({ value: _, ...key }) => key),
    elements: keys.length === 0 ? [] : [keys.map(({ value }) => value)],
    verdict,
  };
}

function addTo(groups: RuleGroup[], group: RuleGroup): RuleGroup[] {
  for (const [index, other] of groups.entries()) {
    const merged = merge(other, group);
    if (merged !== undefined) return replaced(groups, index, merged);
  }
  return [...groups, group];
}

/** Undefined when the two differ in more than addresses, or in more than the numbers of one field. */
function merge(group: RuleGroup, other: RuleGroup): RuleGroup | undefined {
  if (!isSame(group.keys, other.keys) || group.terms.length !== other.terms.length) return undefined;
  const differing = group.terms.flatMap((term, index) => (isSame(term, other.terms[index]) ? [] : [index]));
  const [at = -1] = differing;
  if (differing.length === 0) return { ...group, elements: [...group.elements, ...other.elements] };
  const [mine, theirs] = [group.terms[at], other.terms[at]];
  const oneField =
    differing.length === 1 && isNumber(mine) && isNumber(theirs) && mine.field === theirs.field;
  if (!oneField || group.keys.length > 0) return undefined;
  const ranges = union([...mine.ranges, ...theirs.ranges]);
  return { ...group, terms: replaced(group.terms, at, { ...mine, ranges }) };
}

function replaced<T>(list: readonly T[], at: number, item: T): T[] {
  return list.map((other, index) => (index === at ? item : other));
}

function isNumber(term: Term | undefined): term is NumberTerm {
  return typeof term === 'object';
}

/** Sorted, and neighbours joined. */
function union(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = [];
  for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) {
      joined[joined.length - 1] = [previous[0], Math.max(previous[1], last)];
    } else {
      joined.push([first, last]);
    }
  }
  return joined;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
