import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { type Guard, guardOf } from '../../rules/guard.ts';
import type { Match, RuleSet, Stage, Verdict } from '../../rules/rule.ts';
import { restrictsDom0 } from '../../rules/to-dom0.ts';
import { type Chains, portChain, ROOT, reasonChain, sharedChain, type Tables } from './chains.ts';
import { ebtablesMatch, ebtablesUnless } from './ebtables-match.ts';
import { ip6tablesMatch } from './ip6tables-match.ts';
import { acceptMarks, bits, hex, MARK } from './marks.ts';
import { MARKED, markedDrops, type Rendered, renderShared, renderStage } from './stage-chains.ts';

/** Short names of the stages: with a port's 15 characters a chain name has 6 left. */
const SHORT: Record<string, string> = {
  'unspecified-source': 'uns',
  'source-validation': 'src',
  'network-roles': 'role',
  'upper-layer': 'up',
  'arp-sender': 'snd',
  'arp-target': 'tgt',
  'nd-message': 'msg',
  'nd-target': 'tgt',
  delivery: 'to',
  destination: 'dst',
  identity: 'id',
};

type Family = 'arp' | 'ipv4' | 'ipv6';
/** The most frequent first. */
const FAMILIES: readonly (readonly [Family, string])[] = [
  ['ipv4', '4'],
  ['ipv6', '6'],
  ['arp', 'a'],
];

/** What ebtables cannot judge, and the mark by which it hands such frames to ip6tables. */
const DEFERRED: Partial<Record<string, number>> = {
  'link-local-fragments': MARK.linkLocal,
  'nd-message': MARK.neighborDiscovery,
  'nd-target': MARK.neighborDiscovery,
};

/** All chains of one port's own. */
export function portChains(port: string, policy: GuardPolicy): Partial<Tables> {
  const guard = guardOf(policy);
  return guard.mode === 'locked' ? lockedChains(port, policy, guard.rules) : modeChains(port, guard);
}

function modeChains(port: string, guard: Exclude<Guard, { mode: 'locked' }>): Partial<Tables> {
  const closed = [`-j ${reasonChain('disabled')}`];
  const open = guard.mode === 'unlocked';
  const inward = open ? [acceptWith(acceptMarks(guard.provenance, false))] : closed;
  return {
    'ebtables nat': new Map([[portChain(ROOT.fromGuest, port), inward]]),
    'ebtables filter': new Map([[portChain(ROOT.toGuest, port), open ? ['-j ACCEPT'] : closed]]),
    'ip6tables raw': new Map([[portChain(ROOT.neighborDiscovery, port), closed]]),
  };
}

function lockedChains(port: string, policy: GuardPolicy, rules: RuleSet): Partial<Tables> {
  const restricted = restrictsDom0(policy);
  const marks = acceptMarks(rules.provenance, restricted);
  const fromGuest = direction({
    root: ROOT.fromGuest,
    port,
    shortCuts: rules.shortCuts.fromGuest,
    stages: rules.fromGuest,
    accept: (family) => acceptWith(bits(marks, family === 'ipv6' ? MARK.upperLayer : 0)),
    key: hex(marks),
  });
  const toGuest = direction({
    root: ROOT.toGuest,
    port,
    shortCuts: rules.shortCuts.toGuest,
    stages: rules.toGuest,
    accept: () => '-j ACCEPT',
    key: '',
  });
  return {
    'ebtables nat': fromGuest,
    'ebtables filter': new Map([...toGuest, ...(restricted ? dom0Chain(port, rules) : [])]),
    'ip6tables raw': neighborDiscoveryChains(port, rules),
  };
}

function acceptWith(marks: number): string {
  return `-j mark --mark-or ${hex(marks)} --mark-target ACCEPT`;
}

interface Direction {
  readonly root: string;
  readonly port: string;
  readonly shortCuts: readonly Match[];
  readonly stages: { readonly [key in 'link' | Family]: readonly Stage[] };
  /** The target that ends the way of a frame with its acceptance. */
  readonly accept: (family?: Family) => string;
  /** What tells `accept` from that of other ports, in names. */
  readonly key: string;
}

function direction(way: Direction): Chains {
  const { root, port, shortCuts, stages, accept } = way;
  const cuts = shortCuts.map((match) => `${ebtablesMatch(match)} ${accept(familyOf(match))}`);
  const link = stages.link.map((stage) => renderOwn(way, stage));
  const families = FAMILIES.map(([family, short]) => {
    const parts = familyParts(way, family, short);
    const chain = portChain(root, port, short);
    return {
      chain,
      call: `${ebtablesMatch({ etherType: family })} -j ${chain}`,
      rules: parts.flatMap(({ rules }) => rules),
      chains: parts.flatMap(({ chains }) => [...chains]),
    };
  });
  const shared = [stages.arp, stages.ipv4, stages.ipv6].flat().filter(isShared);
  return new Map([
    [
      portChain(root, port),
      [
        ...cuts,
        ...link.flatMap(({ rules }) => rules),
        ...families.map(({ call }) => call),
        `-j ${reasonChain('ethertype')}`,
      ],
    ],
    ...link.flatMap(({ chains }) => [...chains]),
    ...families.flatMap(({ chain, rules, chains }) => [[chain, rules] as const, ...chains]),
    ...(shared.length === 0 ? [] : [[portChain(root, port, MARKED_DROPS), markedDrops(shared)] as const]),
  ]);
}

function familyOf({ etherType }: Match): Family | undefined {
  return FAMILIES.find(([family]) => family === etherType)?.[0];
}

/** The chain of a port that drops what shared chains have marked. */
const MARKED_DROPS = 'x';

/** The stages of one family. What comes behind the last stage of the port's own is shared, as one chain. */
function familyParts(way: Direction, family: Family, short: string): readonly Rendered[] {
  const stages = way.stages[family];
  const { accept } = way;
  const match = (terms: Match) => ebtablesMatch(terms, family);
  const own = stages.findLastIndex((stage) => !isShared(stage) && !isDeferred(stage));
  const head = stages.slice(0, own + 1);
  const tail = stages.slice(own + 1);
  if (tail.length === 0) {
    const open = stages.at(-1)?.otherwise === 'pass';
    const end: Rendered = { rules: open ? [accept(family)] : [], chains: new Map() };
    return [...head.map((stage) => renderOwn(way, stage, [family, short])), end];
  }
  const chain = sharedChain(short, `${tail.find(isShared)?.shared}/${way.key}`);
  const marked = `${MARKED} -j ${portChain(way.root, way.port, MARKED_DROPS)}`;
  return head.map((stage, index) => {
    if (isShared(stage)) return callShared(stage, { short, match, marked });
    if (index < own) return renderOwn(way, stage, [family, short]);
    const chains = renderTail(tail, { chain, short, match, accept: accept(family) });
    return { rules: renderLast(stage, { match, chain, marked }), chains };
  });
}

/** The last stage of a port's own: what passes goes on to the tail, and comes back only to be dropped. */
function renderLast(
  { rules, otherwise }: Stage,
  { match, chain, marked }: { match: (match: Match) => string; chain: string; marked: string },
): readonly string[] {
  const target = (verdict: Verdict) =>
    typeof verdict === 'string' ? `-j ${chain}` : `-j ${reasonChain(verdict.drop)}`;
  const lines = rules.map((rule) => `${match(rule.match)} ${target(rule.verdict)}`);
  return otherwise === 'pass'
    ? [...lines, `-j ${chain}`, marked]
    : [...lines, marked, `${match({})} ${target(otherwise)}`];
}

interface SharedPlace {
  /** The family's short name. */
  readonly short: string;
  readonly match: (match: Match) => string;
  /** The rule behind the call, for what has been marked. */
  readonly marked: string;
}

function callShared(
  stage: Stage & { readonly shared: string },
  { short, match, marked }: SharedPlace,
): Rendered {
  const chain = sharedChain(short, stage.shared);
  return { rules: [`-j ${chain}`, marked], chains: new Map([[chain, renderShared(stage, { match })]]) };
}

/** A chain that accepts, or marks for dropping and returns. */
function renderTail(
  stages: readonly Stage[],
  place: { chain: string; short: string; match: (match: Match) => string; accept: string },
): Chains {
  const { chain, short, match, accept } = place;
  const parts = stages.map((stage, index): Rendered => {
    if (isDeferred(stage)) return { rules: deferral(stage), chains: new Map() };
    if (!isShared(stage)) throw new TypeError(`the stage ${stage.name} is the port's own`);
    if (index < stages.length - 1) return callShared(stage, { short, match, marked: `${MARKED} -j RETURN` });
    const rules = renderShared(stage, { match, accept });
    return { rules: stage.otherwise === 'pass' ? [...rules, accept] : rules, chains: new Map() };
  });
  return new Map([
    [chain, parts.flatMap(({ rules }) => rules)],
    ...parts.flatMap(({ chains }) => [...chains]),
  ]);
}

/** A stage of the port's own. */
function renderOwn(way: Direction, stage: Stage, family?: readonly [Family, string]): Rendered {
  const { root, port, accept } = way;
  const prefix = family === undefined ? '' : `${family[1]}.`;
  const match = (terms: Match) => ebtablesMatch(terms, family?.[0]);
  const dialect = { match, unless: ebtablesUnless, accept: accept(family?.[0]) };
  return renderStage(stage, portChain(root, port, `${prefix}${SHORT[stage.name]}`), dialect);
}

function isShared(stage: Stage): stage is Stage & { shared: string } {
  return stage.shared !== undefined;
}

function isDeferred(stage: Stage): boolean {
  return DEFERRED[stage.name] !== undefined;
}

function deferral(stage: Stage): readonly string[] {
  const mark = hex(DEFERRED[stage.name] ?? 0);
  return (stage.only ?? []).map(
    (match: Match) => `${ebtablesMatch(match, 'ipv6')} -j mark --mark-or ${mark} --mark-target CONTINUE`,
  );
}

/** Accepted frames return, for the mark to be cleared before dom0 sees them. */
function dom0Chain(port: string, { toDom0 }: RuleSet): Chains {
  const chain = portChain(ROOT.toDom0, port);
  const dialect = { match: (match: Match) => ebtablesMatch(match), accept: '-j RETURN' };
  return new Map([[chain, renderStage(toDom0, chain, dialect).rules]]);
}

function neighborDiscoveryChains(port: string, { fromGuest }: RuleSet): Chains {
  const root = portChain(ROOT.neighborDiscovery, port);
  const dialect = { match: ip6tablesMatch, accept: `-g ${JUDGED}` };
  const [fragments, ...nd] = fromGuest.ipv6
    .filter(isDeferred)
    .map((stage) => renderStage(stage, portChain(ROOT.neighborDiscovery, port, SHORT[stage.name]), dialect));
  const isNd = `-m mark ! --mark ${hex(MARK.neighborDiscovery)}/${hex(MARK.neighborDiscovery)}`;
  return new Map([
    [
      root,
      [
        `-m mark --mark ${hex(MARK.upperLayer)}/${hex(MARK.upperLayer)} -j ${reasonChain('ipv6-header-chain')}`,
        ...(fragments?.rules ?? []),
        `${isNd} -g ${JUDGED}`,
        ...nd.flatMap(({ rules }) => rules),
        `-j ${JUDGED}`,
      ],
    ],
    ...nd.flatMap(({ chains }) => [...chains]),
  ]);
}

/** The ip6tables chain that takes the PENDING marks off. */
export const JUDGED = 'vg-nd-ok';
