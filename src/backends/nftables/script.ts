import { OFF_BRIDGE, OFF_BRIDGE_TABLE } from './off-bridge.ts';
import { type Elements, elementText, type SetDeclaration, TABLE, type Table } from './table.ts';

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
    ...elementLines(table.elements),
    ...OFF_BRIDGE,
  ]);
}

/** The chains and sets of a class, whether they are there or not; without the table, or with others in their place, it is refused. */
export function classScript(table: Table): string {
  return script([
    ...declarations(table),
    ...[...table.chains.keys()].map((name) => `flush chain ${TABLE} ${name}`),
    ...rules(table),
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

function elementLines(elements: Elements): readonly string[] {
  return [...elements]
    .filter(([, list]) => list.length > 0)
    .map(([set, list]) => `add element ${TABLE} ${set} { ${list.map(elementText).join(', ')} }`);
}
