import type { Reason } from '../../rules/reason.ts';

/** The rules of each chain, in iptables-restore's words without `-A CHAIN`. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** The tables that vifguard writes to. */
export const TABLES = [
  'ebtables filter',
  'ebtables nat',
  'ip6tables filter',
  'ip6tables raw',
  'iptables raw',
] as const;
export type TableName = (typeof TABLES)[number];

/** The tools that write them, in their nft variants. */
export const TOOLS = ['ebtables', 'ip6tables', 'iptables'] as const;
export type ToolName = (typeof TOOLS)[number];

/** Names of chains, by table. */
export type ChainNames = { readonly [name in TableName]: readonly string[] };

export type Tables = { readonly [name in TableName]: Chains };

/**
 * The chains that frames enter by, and under which each port has chains of its own. Every chain of
 * ours begins with `vg-`; xtables allows 28 characters in all.
 */
export const ROOT = {
  /** ebtables nat: frames from guests. */
  fromGuest: 'vg-in',
  /** ebtables nat: frames from guests that the shared stages have marked for dropping. */
  marked: 'vg-bad',
  /** ebtables nat: frames to guests. */
  toGuest: 'vg-out',
  /** ebtables filter: frames without the marks they should have, by the port they came from. */
  unfiltered: 'vg-unf',
  /** ebtables filter: frames for dom0 from guests with limited access. */
  toDom0: 'vg-dom0',
  /** ip6tables raw: ND messages and link-local sources. */
  neighborDiscovery: 'vg-nd',
} as const;

/** The chain of one port (a name has no ":" and no "+"), and of a stage below it. */
export function portChain(root: string, port: string, stage?: string): string {
  return `${root}:${port}${stage === undefined ? '' : `/${stage}`}`;
}

/**
 * The chain that all drops for one reason go through: it names the reason in every listing. ebtables-nft-restore
 * looks for the chains of each rule in an ordered list (cache_chain_list_insert() in nft-cache.c): these come early.
 */
export function reasonChain(reason: Reason): string {
  return `vg-drop:${reason}`;
}

/** One value for each table. */
export function mapTables<T>(of: (name: TableName) => T): { readonly [name in TableName]: T } {
  return {
    'ebtables filter': of('ebtables filter'),
    'ebtables nat': of('ebtables nat'),
    'ip6tables filter': of('ip6tables filter'),
    'ip6tables raw': of('ip6tables raw'),
    'iptables raw': of('iptables raw'),
  };
}

export const NO_TABLES: Tables = mergeTables();

export function mergeTables(...parts: readonly Partial<Tables>[]): Tables {
  return mapTables((name) => new Map(parts.flatMap((part) => [...(part[name] ?? [])])));
}
