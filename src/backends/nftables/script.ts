import { COUNTERS } from './base-chains.ts';
import { OFF_BRIDGE, OFF_BRIDGE_TABLE } from './off-bridge.ts';
import { device, type Elements, type SetDeclaration, TABLE, type Table } from './table.ts';

/** What of ours the kernel has. */
export interface Present {
  readonly chains: readonly string[];
  readonly sets: readonly PresentSet[];
}

interface PresentSet {
  readonly name: string;
  readonly kind: SetDeclaration['kind'];
  /** Whether it knows ports by their names, as in versions before the one that knows them by index. */
  readonly isByName: boolean;
}

/** The state of a kernel that has never seen us. */
export const NOTHING_PRESENT: Present = { chains: [], sets: [] };

/**
 * Everything anew, in one transaction of `nft -f`. Chains and sets that are wanted stay and are filled anew: were
 * they replaced, a frame could meet the new one before and the old one after the change, both empty.
 */
export function rebuildScript(table: Table, present: Present): string {
  const goneChains = present.chains.filter((name) => !table.chains.has(name));
  const goneSets = present.sets.filter(({ name, isByName }) => isByName || !table.sets.has(name));
  return script([
    `add table ${TABLE}`,
    ...present.chains.map((name) => `flush chain ${TABLE} ${name}`),
    ...present.sets.map(({ name, kind }) => `flush ${kind} ${TABLE} ${name}`),
    ...goneSets.map(({ name, kind }) => `delete ${kind} ${TABLE} ${name}`),
    ...goneChains.map((name) => `delete chain ${TABLE} ${name}`),
    ...declarations(table),
    ...rules(table),
    ...elementLines('add', table.elements),
    ...OFF_BRIDGE,
  ]);
}

export interface Change {
  /** Elements that are there, and go. */
  readonly remove: Elements;
  readonly add: Elements;
  /** Chains and sets to write, whether they are there or not. */
  readonly table: Table;
  /** The index of a port whose counters go. */
  readonly forget?: number | undefined;
}

/** Changes for one port; the kernel refuses it when something is not there. */
export function changeScript({ remove, add, table, forget }: Change): string {
  return script([
    ...declarations(table),
    ...[...table.chains.keys()].map((name) => `flush chain ${TABLE} ${name}`),
    ...rules(table),
    ...elementLines('delete', keysOf(remove)),
    ...elementLines('add', add),
    ...(forget === undefined ? [] : COUNTERS.flatMap((set) => without(set, forget))),
  ]);
}

/** Takes the tables away; fine when there are none. */
export const REMOVAL = script(
  [TABLE, OFF_BRIDGE_TABLE].flatMap((name) => [`add table ${name}`, `delete table ${name}`]),
);

function script(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function declarations({ chains, sets }: Table): readonly string[] {
  return [
    ...[...chains].map(([name, { hook }]) =>
      hook === undefined ? `add chain ${TABLE} ${name}` : `add chain ${TABLE} ${name} { ${hook} }`,
    ),
    ...[...sets].map(([name, { kind, body }]) => `add ${kind} ${TABLE} ${name} { ${body}; }`),
  ];
}

function rules({ chains }: Table): readonly string[] {
  return [...chains].flatMap(([name, chain]) =>
    chain.rules.map((rule) => `add rule ${TABLE} ${name} ${rule}`),
  );
}

function elementLines(verb: 'add' | 'delete', elements: Elements): readonly string[] {
  return [...elements]
    .filter(([, list]) => list.length > 0)
    .map(([set, list]) => `${verb} element ${TABLE} ${set} { ${list.join(', ')} }`);
}

/** An element of a map is found by its key. */
function keysOf(elements: Elements): Elements {
  const key = (element: string) => element.split(' : ', 1).join();
  return new Map([...elements].map(([set, list]) => [set, list.map(key)]));
}

/** A counter is there once there was something to count; nft 1.0.6 has no `destroy`. */
function without(set: string, index: number): readonly string[] {
  return (['add', 'delete'] as const).map((verb) => `${verb} element ${TABLE} ${set} { ${device(index)} }`);
}
