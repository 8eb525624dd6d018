import { isDeepStrictEqual } from 'node:util';
import { REASONS, type Reason } from '../../rules/reason.ts';
import type { Drift, Drops, GuardedHost, GuardedPorts } from '../backend.ts';
import { ruleDrift } from '../rule-drift.ts';
import { COUNTERS } from './base-chains.ts';
import { hostTable } from './host-table.ts';
import { CLASS_NAME } from './port-guard.ts';
import { deviceNames, namesElsewhere, namesHere, type PortNames } from './port-names.ts';
import { NOTHING_PRESENT, type Present, rebuildScript } from './script.ts';
import { TABLE } from './table.ts';
import { type Listed, listTables, printChain, rehearse, tablesIn } from './tools.ts';

interface ListedSet {
  readonly name: string;
  readonly kind: 'set' | 'map';
  /** What the first part of its keys is, in nft's words. */
  readonly keyType: string;
  /** Everything but its elements. */
  readonly declaration: string;
  readonly elements: readonly Element[];
}

interface Element {
  /** The port, and what else the key holds. */
  readonly key: readonly string[];
  /** The chain that a verdict map jumps to. */
  readonly target?: string;
  /** Packets, where the set counts. */
  readonly packets?: number;
}

/** The rest is written whole each time. */
export function presentIn(all: readonly Listed[]): Present {
  const listed = all.filter(({ chain }) => chain === undefined || isOf(TABLE, chain));
  const sets = setsIn(listed, asListed).map((set) => ({ ...set, isByName: set.keyType === 'ifname' }));
  return { chains: [...chainsIn(listed).keys()], sets };
}

const asListed: PortNames = (text) => text;

/** The ports that the kernel guards, by their present names. */
export function guardedPorts(listed: readonly Listed[]): readonly string[] {
  const calls = setsIn(listed, asListed).find(({ name }) => name === 'from-guest');
  return (calls?.elements ?? []).map(portOf);
}

function isOf(table: string, object: Record<string, unknown>): boolean {
  return `${object.family} ${object.table}` === table;
}

/** What the kernel holds besides, or instead of, what it should: both as nft lists them, but for the names of ports. */
export async function readDrift(host: GuardedHost | undefined): Promise<readonly Drift[]> {
  if (host === undefined) return tableDrift('unexpected', [...tablesIn(await listTables())]);
  const [{ listed: actual, names }, expected] = await Promise.all([
    listNamed(host.ports),
    rehearse(rebuildScript(hostTable(host), NOTHING_PRESENT)),
  ]);
  const there = tablesIn(actual);
  const missing = [...tablesIn(expected)].filter((name) => !there.has(name));
  if (missing.length > 0) return tableDrift('missing', missing);
  const have = setsIn(actual, names);
  const want = setsIn(expected, namesElsewhere(host.ports));
  const classes = portsByClass(want);
  return [...chainDrift(actual, expected), ...setDrift(have, want)].map((drift) => {
    const ports = portsOf(drift, host, classes);
    return ports === undefined ? drift : { ...drift, ports };
  });
}

/** Devices may come, go and be renamed while nft lists them by name: it does so again, some times at most. */
const LISTINGS = 5;

/** What the kernel has of ours, and how it names ports. */
async function listNamed(ports: GuardedPorts): Promise<{ listed: readonly Listed[]; names: PortNames }> {
  let before = deviceNames(ports);
  for (let left = LISTINGS; ; left--) {
    const listed = await listTables();
    const after = deviceNames(ports);
    if (left === 1 || isDeepStrictEqual(before, after)) return { listed, names: namesHere(ports, after) };
    before = after;
  }
}

function tableDrift(kind: Drift['kind'], names: readonly string[]): Drift[] {
  return names.map((name) => ({ where: name.replace(/ .*/, ''), kind, what: `table ${name}` }));
}

/** An element is of its port alone, and what belongs to a class is of all ports whose frames that judges. */
function portsOf(
  { where, what }: Drift,
  host: GuardedHost,
  classes: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const [first = '', second = ''] = what.split(' ');
  if (/^(?:set|map) /.test(where) && host.ports.has(first)) return [first];
  return classes.get(classOf(where === TABLE ? second : where.replace(/^\w+ /, '')));
}

/** The class that a chain or set is of, by its name. */
function classOf(name: string): string {
  return CLASS_NAME.exec(name)?.[0] ?? '';
}

/** The ports whose frames a class judges. */
function portsByClass(sets: readonly ListedSet[]): ReadonlyMap<string, readonly string[]> {
  const classes = new Map<string, string[]>();
  const calls = sets.find(({ name }) => name === 'from-guest');
  for (const element of calls?.elements ?? []) {
    const name = classOf(element.target ?? '');
    classes.set(name, [...(classes.get(name) ?? []), portOf(element)]);
  }
  return classes;
}

function chainDrift(actual: readonly Listed[], expected: readonly Listed[]): Drift[] {
  const [have, want] = [chainsIn(actual), chainsIn(expected)];
  return [
    ...nameDrift('chain', [...have.keys()], [...want.keys()]),
    ...[...want].flatMap(([name, rules]) => {
      const found = have.get(name);
      return found === undefined ? [] : ruleDrift({ where: `chain ${name}`, have: found, want: rules });
    }),
  ];
}

function setDrift(have: readonly ListedSet[], want: readonly ListedSet[]): Drift[] {
  const names = (sets: readonly ListedSet[]) => sets.map(({ name }) => name);
  return [
    ...nameDrift('set', names(have), names(want)),
    ...want.flatMap((set) => {
      const found = have.find(({ name }) => name === set.name);
      return found === undefined
        ? []
        : ruleDrift({ where: `${set.kind} ${set.name}`, have: setLines(found), want: setLines(set) });
    }),
  ];
}

function nameDrift(what: string, have: readonly string[], want: readonly string[]): Drift[] {
  const [haves, wants] = [new Set(have), new Set(want)];
  const missing = want.filter((name) => !haves.has(name));
  // A class stays when its last port goes.
  const unexpected = have.filter((name) => !wants.has(name) && !CLASS_NAME.test(name));
  return [
    ...missing.map((name) => ({ where: TABLE, kind: 'missing', what: `${what} ${name}` }) as const),
    ...unexpected.map((name) => ({ where: TABLE, kind: 'unexpected', what: `${what} ${name}` }) as const),
  ];
}

/** Counters come and go with what they count. */
function setLines({ name, declaration, elements }: ListedSet): readonly string[] {
  return [declaration, ...(COUNTERS.includes(name) ? [] : elements.map(elementText).sort())];
}

/** The chains of the port's class, and its elements of all sets. */
export async function readPortRules(port: string, { ports }: GuardedHost): Promise<string> {
  const { listed, names } = await listNamed(ports);
  const own = setsIn(listed, names).flatMap(({ name, elements }) =>
    elements.filter((element) => portOf(element) === port).map((element) => ({ name, element })),
  );
  const targets = own.flatMap(({ element: { target } }) => (target === undefined ? [] : [target]));
  const classes = new Set(targets.map(classOf));
  const chains = [...chainsIn(listed).keys()].filter((name) => classes.has(classOf(name)));
  const rules = await Promise.all(chains.map(printChain));
  const elements = own.map(({ name, element }) => `element ${name} { ${elementText(element)} }\n`);
  return [...elements, ...rules].join('');
}

export async function readDrops({ ports }: GuardedHost): Promise<ReadonlyMap<string, Drops>> {
  const drops = new Map<string, Record<string, number>>();
  const { listed, names } = await listNamed(ports);
  for (const { name, elements } of setsIn(listed, names)) {
    const reason = reasonOf(name);
    if (reason === undefined) continue;
    for (const element of elements) {
      const counts = drops.get(portOf(element)) ?? {};
      counts[reason] = (counts[reason] ?? 0) + (element.packets ?? 0);
      drops.set(portOf(element), counts);
    }
  }
  return drops;
}

function reasonOf(set: string): Reason | undefined {
  const reason = /^drop\/(?:from|to)\/(.+)$/.exec(set)?.[1];
  return reason !== undefined && Object.hasOwn(REASONS, reason) ? (reason as Reason) : undefined;
}

/** The rules of each chain; a base chain's hook stands first. */
function chainsIn(listed: readonly Listed[]): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const { chain } of listed) {
    if (chain === undefined) continue;
    const { type, hook, prio, policy } = chain;
    chains.set(String(chain.name), hook === undefined ? [] : [JSON.stringify({ type, hook, prio, policy })]);
  }
  for (const { rule } of listed) {
    if (rule !== undefined) chains.get(String(rule.chain))?.push(JSON.stringify(rule.expr));
  }
  return chains;
}

function setsIn(listed: readonly Listed[], names: PortNames): readonly ListedSet[] {
  return listed.flatMap(({ set, map }) => [
    ...(set === undefined ? [] : [listedSet('set', set, names)]),
    ...(map === undefined ? [] : [listedSet('map', map, names)]),
  ]);
}

function listedSet(
  kind: ListedSet['kind'],
  { handle: _, elem = [], ...rest }: Record<string, unknown>,
  names: PortNames,
): ListedSet {
  const keyType = String([rest.type].flat()[0]);
  const elements = (elem as readonly JsonElement[]).map(parseElement).map((element) => {
    const [port = '', ...others] = element.key;
    return keyType === 'iface_index' ? { ...element, key: [names(port), ...others] } : element;
  });
  return { name: String(rest.name), kind, keyType, declaration: JSON.stringify(rest), elements };
}

/** libnftables-json(5): a key, a key with its value in a map, or a key with a counter. */
type JsonKey = string | number | { readonly concat: readonly (string | number)[] };
type JsonPair = readonly [JsonKey, { readonly jump: { readonly target: string } }];
type JsonElement =
  | JsonKey
  | JsonPair
  | { readonly elem: { readonly val: JsonKey; readonly counter: { readonly packets: number } } };

function parseElement(element: JsonElement): Element {
  if (typeof element !== 'object') return { key: [String(element)] };
  if (isPair(element)) return { ...parseElement(element[0]), target: element[1].jump.target };
  if ('concat' in element) return { key: element.concat.map(String) };
  return { ...parseElement(element.elem.val), packets: element.elem.counter.packets };
}

function isPair(element: JsonElement): element is JsonPair {
  return Array.isArray(element);
}

function portOf({ key }: Element): string {
  return key[0] ?? '';
}

function elementText({ key, target, packets }: Element): string {
  const value = target === undefined ? '' : ` : jump ${target}`;
  return `${key.join(' . ')}${packets === undefined ? '' : ` counter packets ${packets}`}${value}`;
}
