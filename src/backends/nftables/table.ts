import type { Reason } from '../../rules/reason.ts';
import type { DropWay } from '../drop-log.ts';

/** Our one table in nft(8)'s words; nft takes letters, digits, `/`, `-`, `_` and `.` in a name unquoted. */
export const TABLE = 'bridge vifguard';

export interface Chain {
  /** Where the kernel calls a base chain. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** How a set or map is declared: `set` or `map`, and what stands between the braces. */
export interface SetDeclaration {
  readonly kind: 'set' | 'map';
  readonly body: string;
}

/** A number or address of a key: in nft's words, and as the kernel compares it. */
export interface KeyPart {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** An element of a set, or of a verdict map. */
export interface Element {
  readonly key: readonly KeyPart[];
  /** In a verdict map, the chain to jump to. */
  readonly jump?: string;
}

/** Elements by set. */
export type Elements = ReadonlyMap<string, readonly Element[]>;

/** As nft writes it between the braces. */
export function elementText({ key, jump }: Element): string {
  const found = key.map(({ text }) => text).join(' . ');
  return jump === undefined ? found : `${found} : jump ${jump}`;
}

/** A part of the table, or all of it. */
export interface Table {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly sets: ReadonlyMap<string, SetDeclaration>;
  readonly elements: Elements;
}

export const EMPTY_TABLE: Table = { chains: new Map(), sets: new Map(), elements: new Map() };

export function mergeTables(parts: readonly Table[]): Table {
  return {
    chains: new Map(parts.flatMap(({ chains }) => [...chains])),
    sets: new Map(parts.flatMap(({ sets }) => [...sets])),
    elements: mergeElements(parts.map(({ elements }) => elements)),
  };
}

export function mergeElements(parts: readonly Elements[]): Elements {
  const merged = new Map<string, Element[]>();
  for (const [set, elements] of parts.flatMap((part) => [...part])) {
    const others = merged.get(set);
    if (others === undefined) merged.set(set, [...elements]);
    else others.push(...elements);
  }
  return merged;
}

/** What holds the guest's port on each way: by its index, which is short to compare and stays when the name changes. */
export const PORT: Readonly<Record<DropWay, string>> = { from: 'iif', to: 'oif' };

/** The chain that drops for one reason, and the set of its counters by port. */
export function dropChain(way: DropWay, reason: Reason): string {
  return `drop/${way}/${reason}`;
}

/**
 * A device as an element, whether it is there or not. nft looks for a device of that name first, and reads a number
 * then, in base 10 (ifindex_type_parse()): a text of 16 characters can be no name (IFNAMSIZ).
 */
export function device(index: number): KeyPart {
  return { text: `"${String(index).padStart(16, '0')}"`, bytes: Buffer.from(Uint32Array.of(index).buffer) };
}
