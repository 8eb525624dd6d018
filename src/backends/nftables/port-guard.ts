import { createHash } from 'node:crypto';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { type Guard, guardOf, provenanceOf } from '../../rules/guard.ts';
import { accept, type Match, type RuleSet, type Stage } from '../../rules/rule.ts';
import type { DropWay } from '../drop-log.ts';
import { ACCEPT_IPV6 } from './base-chains.ts';
import { type Family, WELL_FORMED_IPV4 } from './match.ts';
import { type Place, renderStage } from './stage-chains.ts';
import {
  device,
  dropChain,
  type Elements,
  EMPTY_TABLE,
  mergeElements,
  mergeTables,
  type Table,
} from './table.ts';

/**
 * What guards one port: the chains of its class, which are the same for all ports whose policies have the
 * same form, and the elements that are its own. With a class in place, an event changes elements only.
 */
export interface PortGuard {
  /** Chains and sets; no elements. */
  readonly classTable: Table;
  readonly elements: Elements;
}

interface PortToGuard {
  /** That of the port's device. */
  readonly index: number;
  readonly policy: GuardPolicy;
  /** See GuardedHost. */
  readonly untrustedPorts: readonly string[];
}

/** The class in names until the name is known, which is made of the contents. */
const CLASS = '%';

/** The beginning of every name of a class, in what the kernel lists. */
export const CLASS_NAME = /^class-[0-9a-f]{12}\//;

export function portGuard({ index, policy, untrustedPorts }: PortToGuard): PortGuard {
  const guard = guardOf(policy);
  const table =
    guard.mode === 'locked' ? lockedTable({ index, untrustedPorts }, guard.rules) : modeTable(guard.mode);
  const { chains, sets, elements } = table;
  const contents = JSON.stringify([[...chains], [...sets]]);
  const name = `class-${createHash('sha256').update(contents).digest('hex').slice(0, 12)}`;
  const named = (text: string) => text.replaceAll(`${CLASS}/`, `${name}/`);
  const rename = <T>(map: ReadonlyMap<string, T>) =>
    [...map].map(([key, value]) => [named(key), value] as const);
  return {
    classTable: {
      chains: new Map(rename(chains).map(([key, { rules }]) => [key, { rules: rules.map(named) }])),
      sets: new Map(rename(sets)),
      elements: new Map(),
    },
    elements: mergeElements([new Map(rename(elements)), membership(index, guard, name)]),
  };
}

/** What the base chains know of the port. */
function membership(index: number, guard: Guard, name: string): Elements {
  const { peer, isolated } = provenanceOf(guard) ?? NOTHING_COMES_IN;
  const restricted = guard.mode === 'locked' && judgesDom0(guard.rules);
  const member = (set: string): Elements => new Map([[set, [{ key: [device(index)] }]]]);
  const call = (map: string, chain: string): Elements =>
    new Map([[map, [{ key: [device(index)], jump: `${name}/${chain}` }]]]);
  return mergeElements([
    ...(peer ? [member('peers')] : []),
    ...(isolated ? [member('isolated')] : []),
    ...(peer || isolated ? [member('peers-or-isolated')] : []),
    call('from-guest', 'from'),
    call('to-guest', 'to'),
    ...(restricted ? [call('to-dom0', 'to-dom0')] : []),
  ]);
}

const NOTHING_COMES_IN: RuleSet['provenance'] = { peer: false, isolated: false };

function judgesDom0({ toDom0 }: RuleSet): boolean {
  return toDom0.rules.length > 0 || toDom0.otherwise !== 'pass';
}

type GuardedDevice = Omit<PortToGuard, 'policy'>;

function modeTable(mode: 'unlocked' | 'disabled'): Table {
  const rule = (way: DropWay) => (mode === 'unlocked' ? 'accept' : `goto ${dropChain(way, 'disabled')}`);
  const chain = (way: DropWay) => [`${CLASS}/${way}`, { rules: [rule(way)] }] as const;
  return { chains: new Map([chain('from'), chain('to')]), sets: new Map(), elements: new Map() };
}

function lockedTable(port: GuardedDevice, { fromGuest, toGuest, shortCuts, toDom0 }: RuleSet): Table {
  return mergeTables([
    wayTable({ way: 'from', port, shortCuts: shortCuts.fromGuest, stages: fromGuest }),
    wayTable({ way: 'to', port, shortCuts: shortCuts.toGuest, stages: toGuest }),
    chainTable([toDom0], { ...port, way: 'from', name: `${CLASS}/to-dom0`, accept: 'accept' }),
  ]);
}

const FAMILIES: readonly (readonly [Family, string])[] = [
  ['ipv4', `ether type ip ${WELL_FORMED_IPV4}`],
  ['ipv6', 'ether type ip6'],
  ['arp', 'ether type arp'],
];

interface WayStages {
  readonly way: DropWay;
  readonly port: GuardedDevice;
  readonly shortCuts: readonly Match[];
  readonly stages: { readonly [key in 'link' | Family]: readonly Stage[] };
}

function wayTable({ way, port, shortCuts, stages }: WayStages): Table {
  const name = `${CLASS}/${way}`;
  const acceptOf = (family: Family) =>
    way === 'from' && family === 'ipv6' ? `goto ${ACCEPT_IPV6}` : 'accept';
  const cuts = FAMILIES.map(([family]) => {
    const rules = shortCuts.filter(({ etherType }) => etherType === family).map(accept);
    const place = { ...port, way, name: `${name}/short-cut/${family}`, family, accept: acceptOf(family) };
    return renderStage({ name: 'short-cut', rules, otherwise: 'pass' }, place);
  });
  const dispatch = FAMILIES.map(([family, match]) => `${match} goto ${name}/${family}`);
  const otherwise = `goto ${dropChain(way, 'ethertype')}`;
  const families = FAMILIES.map(([family]) =>
    chainTable(stages[family], { ...port, way, name: `${name}/${family}`, family, accept: acceptOf(family) }),
  );
  const link = chainTable(stages.link, { ...port, way, name, accept: 'accept' }, [...dispatch, otherwise]);
  const chain = { rules: [...cuts.flatMap(({ rules }) => rules), ...(link.chains.get(name)?.rules ?? [])] };
  return mergeTables([link, ...families, ...cuts, { ...EMPTY_TABLE, chains: new Map([[name, chain]]) }]);
}

/** @param end what becomes of frames that come through all stages. */
function chainTable(stages: readonly Stage[], place: Place, end: readonly string[] = [place.accept]): Table {
  const parts = stages.map((stage) => renderStage(stage, { ...place, name: `${place.name}/${stage.name}` }));
  const rules = [...parts.flatMap((part) => part.rules), ...(parts.at(-1)?.closed ? [] : end)];
  const own = { ...EMPTY_TABLE, chains: new Map([[place.name, { rules }]]) };
  return mergeTables([own, ...parts]);
}
