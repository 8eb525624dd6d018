import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { type Guard, guardOf } from '../../rules/guard.ts';
import type { Match, Rule, RuleSet, Stage } from '../../rules/rule.ts';
import { restrictsDom0 } from '../../rules/to-dom0.ts';
import { type Chains, portChain, ROOT, reasonChain, sharedChain, type Tables } from './chains.ts';
import { ebtablesMatch } from './ebtables-match.ts';
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
  const fromGuest = direction({
    root: ROOT.fromGuest,
    port,
    stages: rules.fromGuest,
    accept: (family) =>
      acceptWith(bits(acceptMarks(rules.provenance, restricted), family === 'ipv6' ? MARK.upperLayer : 0)),
  });
  const toGuest = direction({ root: ROOT.toGuest, port, stages: rules.toGuest, accept: () => '-j ACCEPT' });
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
  readonly stages: { readonly [key in 'link' | Family]: readonly Stage[] };
  /** The target that ends the way of a frame with its acceptance. */
  readonly accept: (family?: Family) => string;
}

function direction(way: Direction): Chains {
  const { root, port, stages, accept } = way;
  const link = stages.link.map((stage) => renderPart(way, stage));
  const families = FAMILIES.map(([family, short]) => {
    const parts = stages[family].map((stage) => renderPart(way, stage, [family, short]));
    const chain = portChain(root, port, short);
    return {
      chain,
      call: `${ebtablesMatch({ etherType: family })} -j ${chain}`,
      rules: [...parts.flatMap(({ rules }) => rules), ...(endsOpen(stages[family]) ? [accept(family)] : [])],
      chains: parts.flatMap(({ chains }) => [...chains]),
    };
  });
  const shared = [stages.link, stages.arp, stages.ipv4, stages.ipv6].flat().filter(isShared);
  return new Map([
    [
      portChain(root, port),
      [
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

/** The chain of a port that drops what shared chains have marked. */
const MARKED_DROPS = 'x';

function renderPart(way: Direction, whole: Stage, family?: readonly [Family, string]): Rendered {
  const stage = withoutNeedless(whole);
  const { root, port, accept } = way;
  const match = (terms: Match) => ebtablesMatch(terms, family?.[0]);
  const prefix = family === undefined ? '' : `${family[1]}.`;
  if (isDeferred(stage)) return { rules: deferral(stage), chains: new Map() };
  if (!isShared(stage)) {
    const dialect = { match, accept: accept(family?.[0]) };
    return renderStage(stage, portChain(root, port, `${prefix}${SHORT[stage.name]}`), dialect);
  }
  const chain = sharedChain(family?.[1] ?? 'l', stage.shared);
  return {
    rules: [`-j ${chain}`, `${MARKED} -j ${portChain(root, port, MARKED_DROPS)}`],
    chains: new Map([[chain, renderShared(stage, match)]]),
  };
}

/** ebtables finds no protocol but 44 in a later fragment: rules about another one need not be kept from it. */
function withoutNeedless(stage: Stage): Stage {
  const isKept = ({ match, verdict }: Rule) => match.protocol !== 'later-fragment' || verdict !== 'pass';
  const rules = stage.rules.filter(isKept);
  const others = rules.every(({ match }) => typeof match.protocol === 'number');
  return others && stage.otherwise === 'pass' ? { ...stage, rules } : stage;
}

function isShared(stage: Stage): stage is Stage & { shared: string } {
  return stage.shared !== undefined;
}

/** Whether a frame can come through all stages undecided; accepting in a shared chain is just that. */
function endsOpen(stages: readonly Stage[]): boolean {
  const last = stages.at(-1);
  return last === undefined || last.otherwise === 'pass' || isShared(last);
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
