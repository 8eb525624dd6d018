import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { grantsOf } from '../../rules/from-guest/network-roles.ts';
import { type Guard, guardOf } from '../../rules/guard.ts';
import type { Match, Rule, RuleSet, Stage } from '../../rules/rule.ts';
import { restrictsDom0 } from '../../rules/to-dom0.ts';
import { acceptTarget } from './accept-chains.ts';
import { type Chains, portChain, ROOT, type Tables } from './chains.ts';
import { ebtablesDrop, ip6tablesDrop } from './drops.ts';
import { ebtablesMatch, ebtablesUnless, isBeyondEbtables } from './ebtables-match.ts';
import { ip6tablesMatch } from './ip6tables-match.ts';
import { addMarks, bits, GRANT, hex, MARK, marked, provenanceMarks } from './marks.ts';
import { markedDrops } from './shared-stages.ts';
import { type Rendered, renderStage } from './stage-chains.ts';

/** Short names of the stages that may need a chain of their own: a port's 15 characters leave 6 for them. */
const SHORT: Record<string, string> = {
  identity: 'id',
  delivery: 'to',
  'nd-message': 'msg',
  'nd-target': 'tgt',
};

type Family = 'arp' | 'ipv4' | 'ipv6';
/** The most frequent family first. The last has no chain of its own: no other frame comes to its rules. */
const FAMILIES: readonly (readonly [Family, string])[] = [
  ['ipv4', '4'],
  ['ipv6', '6'],
  ['arp', 'a'],
];

/** What ebtables cannot judge: ip6tables does, behind the shared stages. */
const DEFERRED: readonly string[] = ['link-local-fragments', 'nd-message', 'nd-target'];

/** All chains of one port's own. */
export function portChains(port: string, policy: GuardPolicy): Partial<Tables> {
  const guard = guardOf(policy);
  return guard.mode === 'locked' ? lockedChains(port, policy, guard.rules) : modeChains(port, guard);
}

function modeChains(port: string, guard: Exclude<Guard, { mode: 'locked' }>): Partial<Tables> {
  const closed = ebtablesDrop('disabled');
  const open = guard.mode === 'unlocked';
  const inward = open ? [acceptTarget(provenanceMarks(guard.provenance, false))] : closed;
  return {
    'ebtables nat': new Map([
      [portChain(ROOT.fromGuest, port), inward],
      [portChain(ROOT.fromGuest, port, MARKED_DROPS), closed],
      [portChain(ROOT.toGuest, port), open ? ['-j ACCEPT'] : closed],
    ]),
    'ip6tables raw': new Map([[portChain(ROOT.neighborDiscovery, port), ip6tablesDrop('disabled')]]),
  };
}

function lockedChains(port: string, policy: GuardPolicy, rules: RuleSet): Partial<Tables> {
  const restricted = restrictsDom0(policy);
  const marks = provenanceMarks(rules.provenance, restricted);
  const grants = grantsOf(policy).map((grant) => GRANT[grant]);
  const fromGuest = direction({
    root: ROOT.fromGuest,
    port,
    shortCuts: rules.shortCuts.fromGuest,
    stages: rules.fromGuest,
    accept: (family) => acceptTarget(bits(marks, family === 'ipv6' ? MARK.upperLayer : 0)),
    goOn: addMarks(bits(MARK.judged, marks, ...grants), 'RETURN'),
  });
  const toGuest = direction({
    root: ROOT.toGuest,
    port,
    shortCuts: rules.shortCuts.toGuest,
    stages: rules.toGuest,
    accept: () => '-j ACCEPT',
  });
  return {
    'ebtables nat': new Map([
      ...fromGuest,
      [portChain(ROOT.fromGuest, port, MARKED_DROPS), markedDrops()],
      ...toGuest,
    ]),
    'ebtables filter': restricted ? dom0Chain(port, rules) : new Map(),
    'ip6tables raw': neighborDiscoveryChains(port, rules),
  };
}

interface Direction {
  readonly root: string;
  readonly port: string;
  readonly shortCuts: readonly Match[];
  readonly stages: { readonly [key in 'link' | Family]: readonly Stage[] };
  /** The target that ends the way of a frame with its acceptance. */
  readonly accept: (family?: Family) => string;
  /** The target for frames that the shared stages are to judge, where there are any. */
  readonly goOn?: string;
}

function direction(way: Direction): Chains {
  const { root, port, shortCuts, stages, accept, goOn } = way;
  const cuts = shortCuts.map((match) => `${ebtablesMatch(match)} ${accept(familyOf(match))}`);
  const link = stages.link.map((stage) => renderOwn(way, stage));
  const families = FAMILIES.map(([family, short]) => renderFamily(way, family, short));
  return new Map([
    [
      portChain(root, port),
      [
        ...cuts,
        ...link.flatMap(({ rules }) => rules),
        ...families.flatMap(({ rules }) => rules),
        ...(goOn === undefined ? [] : [`${marked(MARK.judged)} -j RETURN`]),
        ...ebtablesDrop('ethertype'),
      ],
    ],
    ...link.flatMap(({ chains }) => [...chains]),
    ...families.flatMap(({ chains }) => [...chains]),
  ]);
}

function familyOf({ etherType }: Match): Family | undefined {
  return FAMILIES.find(([family]) => family === etherType)?.[0];
}

/** The chain of a port that drops what the shared stages have marked. */
export const MARKED_DROPS = 'x';

/** The port's own stages of one family; the shared ones all come behind them. */
function renderFamily(way: Direction, family: Family, short: string): Rendered {
  const stages = way.stages[family].map(withoutNeedless);
  const own = stages.filter((stage) => !stage.shared && !isDeferred(stage));
  const end = own.length < stages.length ? way.goOn : way.accept(family);
  const parts = own.map((stage, index) =>
    renderOwn(way, stage, { family, short, pass: index === own.length - 1 ? end : undefined }),
  );
  const rules = parts.flatMap((part) => part.rules);
  const chains = parts.flatMap((part) => [...part.chains]);
  if (family === FAMILIES.at(-1)?.[0]) return { rules, chains: new Map(chains) };
  const chain = portChain(way.root, way.port, short);
  const call = `${ebtablesMatch({ etherType: family })} -j ${chain}`;
  return { rules: [call], chains: new Map([[chain, rules], ...chains]) };
}

interface OwnPlace {
  readonly family?: Family;
  /** The family's short name. */
  readonly short?: string;
  /** The target for what passes the last stage. */
  readonly pass?: string | undefined;
}

function renderOwn(way: Direction, stage: Stage, { family, short, pass }: OwnPlace = {}): Rendered {
  const match = (terms: Match) => ebtablesMatch(terms, family);
  const name = [...(short === undefined ? [] : [short]), SHORT[stage.name]].join('.');
  return renderStage(stage, portChain(way.root, way.port, name), {
    match,
    drop: ebtablesDrop,
    unless: ebtablesUnless,
    accept: way.accept(family),
    pass,
  });
}

/**
 * Leaves out rules that ebtables cannot express, and exceptions that it does not need: in a later fragment it
 * finds no protocol but 44, so rules about other protocols do not match one anyway.
 */
function withoutNeedless(all: Stage): Stage {
  const stage = { ...all, rules: all.rules.filter(({ match }) => !isBeyondEbtables(match)) };
  const isKept = ({ match, verdict }: Rule) => match.protocol !== 'later-fragment' || verdict !== 'pass';
  const rules = stage.rules.filter(isKept);
  const others = rules.every(({ match }) => typeof match.protocol === 'number');
  return others && stage.otherwise === 'pass' ? { ...stage, rules } : stage;
}

function isDeferred(stage: Stage): boolean {
  return DEFERRED.includes(stage.name);
}

/** Accepted frames return, for the mark to be cleared before dom0 sees them. */
function dom0Chain(port: string, { toDom0 }: RuleSet): Chains {
  const chain = portChain(ROOT.toDom0, port);
  const dialect = {
    match: (match: Match) => ebtablesMatch(match),
    drop: ebtablesDrop,
    accept: '-j RETURN',
  };
  return new Map([[chain, renderStage(toDom0, chain, dialect).rules]]);
}

function neighborDiscoveryChains(port: string, { fromGuest }: RuleSet): Chains {
  const root = portChain(ROOT.neighborDiscovery, port);
  const dialect = { match: ip6tablesMatch, drop: ip6tablesDrop, accept: `-g ${JUDGED}` };
  const [fragments, ...nd] = fromGuest.ipv6
    .filter(isDeferred)
    .map((stage) => renderStage(stage, portChain(ROOT.neighborDiscovery, port, SHORT[stage.name]), dialect));
  const isNd = `-m mark ! --mark ${hex(MARK.neighborDiscovery)}/${hex(MARK.neighborDiscovery)}`;
  return new Map([
    [
      root,
      [
        ...ip6tablesDrop(
          'ipv6-header-chain',
          `-m mark --mark ${hex(MARK.upperLayer)}/${hex(MARK.upperLayer)}`,
        ),
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
