import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { type Guard, guardOf } from '../../rules/guard.ts';
import type { Match, RuleSet, Stage } from '../../rules/rule.ts';
import { type Chains, portChain, ROOT, reasonChain, type Tables } from './chains.ts';
import { ebtablesMatch } from './ebtables-match.ts';
import { ip6tablesMatch } from './ip6tables-match.ts';
import { acceptMarks, hex, MARK } from './marks.ts';
import { type Dialect, renderStage } from './stage-chains.ts';

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
const FAMILIES: readonly (readonly [Family, string])[] = [
  ['arp', 'a'],
  ['ipv4', '4'],
  ['ipv6', '6'],
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

/** Whether frames from the port to dom0 go through a chain of its own. */
export function restrictsDom0(policy: GuardPolicy): boolean {
  return policy.mode === 'locked' && policy.dom0 !== 'allow';
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
    accept: acceptWith(acceptMarks(rules.provenance, restricted)),
  });
  const toGuest = direction({ root: ROOT.toGuest, port, stages: rules.toGuest, accept: '-j ACCEPT' });
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
  readonly accept: string;
}

function direction({ root, port, stages, accept }: Direction): Chains {
  const dialect = (family?: Family): Dialect => ({ match: (match) => ebtablesMatch(match, family), accept });
  const link = stages.link.map((stage) =>
    renderStage(stage, portChain(root, port, SHORT[stage.name]), dialect()),
  );
  const families = FAMILIES.map(([family, short]) => {
    const parts = stages[family].map((stage) =>
      isDeferred(stage)
        ? { rules: deferral(stage), chains: new Map() }
        : renderStage(stage, portChain(root, port, `${short}.${SHORT[stage.name]}`), dialect(family)),
    );
    return {
      chain: portChain(root, port, short),
      call: `${ebtablesMatch({ etherType: family })} -j ${portChain(root, port, short)}`,
      rules: [
        ...new Set(parts.flatMap(({ rules }) => rules)),
        ...(isDecided(stages[family]) ? [] : [accept]),
      ],
      chains: parts.flatMap(({ chains }) => [...chains]),
    };
  });
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
  ]);
}

/** Whether the last stage leaves no frame open. */
function isDecided(stages: readonly Stage[]): boolean {
  return stages.at(-1)?.otherwise !== 'pass';
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
