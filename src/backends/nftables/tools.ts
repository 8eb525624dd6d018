import { quote } from '../../address/quote.ts';
import { currentGeneration } from '../../netlink/nftables-generation.ts';
import { isTableThere, type NftablesTable } from '../../netlink/nftables-table.ts';
import { FilterToolError, idleTool, runTool } from '../tool.ts';
import { OFF_BRIDGE_TABLE } from './off-bridge.ts';
import { TABLE } from './table.ts';

/** An object as `nft -j` lists it (libnftables-json(5)): its kind, then its contents. */
export type Listed = Readonly<Record<string, Record<string, unknown>>>;

/** include/uapi/linux/netfilter.h */
const NFPROTO: Readonly<Record<string, number>> = { inet: 1, bridge: 7 };

/** What the kernel calls a table that nft calls so. */
export function kernelTable(table: string): NftablesTable {
  const [family = '', name = ''] = table.split(' ');
  return { family: NFPROTO[family] ?? 0, name };
}

/** Runs a script in one transaction. @throws FilterToolError when the kernel refuses it: nothing of it is done then. */
export async function apply(script: string): Promise<void> {
  await runTool({
    program: 'nft',
    args: ['-f', '-'],
    input: script,
    debianPackage: 'nftables',
  });
}

/**
 * Runs a script that leaves the rules otherwise than they were.
 *
 * @throws FilterToolError when the kernel refuses it, and when they are as they were.
 */
export async function rewrite(script: string): Promise<void> {
  const before = currentGeneration();
  await apply(script);
  if (before !== undefined && currentGeneration() === before) throw idleTool('nft', 'nftables');
}

/** What the kernel has of ours; nothing when there are no tables. @throws FilterToolError */
export async function listTables(): Promise<readonly Listed[]> {
  const ours = [TABLE, OFF_BRIDGE_TABLE].filter((table) => isTableThere(kernelTable(table)));
  const tables = await Promise.all(ours.map((name) => nft(['-j', 'list', 'table', ...name.split(' ')])));
  return tables.flatMap(objects);
}

/** The tables that are listed, by family and name. */
export function tablesIn(listed: readonly Listed[]): ReadonlySet<string> {
  return new Set(
    listed.flatMap(({ table }) => (table === undefined ? [] : [`${table.family} ${table.name}`])),
  );
}

/** All that the kernel would list after this script, in a network namespace that ends with the tool. @throws FilterToolError */
export async function rehearse(script: string): Promise<readonly Listed[]> {
  const args = ['--net', 'sh', '-c', 'nft -f - && exec nft -j list ruleset'];
  const listed = objects(
    await runTool({
      program: 'unshare',
      args,
      starts: 'nft',
      input: script,
      debianPackage: 'util-linux',
    }),
  );
  if (listed.length === 0) throw idleTool('nft', 'nftables');
  return listed;
}

/** A chain as nft prints it for people; by itself, as nft 1.0.6 finds only one chain at a time. @throws FilterToolError */
export async function printChain(name: string): Promise<string> {
  return await nft(['list', 'chain', ...TABLE.split(' '), name]);
}

function nft(args: readonly string[], input?: string): Promise<string> {
  return runTool({ program: 'nft', args, input, debianPackage: 'nftables' });
}

/**
 * A number of more than 15 digits would lose some: it is kept as text.
 *
 * @throws FilterToolError for what is no list of objects.
 */
function objects(json: string): readonly Listed[] {
  try {
    const { nftables } = JSON.parse(json.replace(/(?<=[[:,]\s*)\d{16,}(?=\s*[\],}])/g, '"$&"'));
    return (nftables as Listed[]).filter(({ metainfo }) => metainfo === undefined);
  } catch (cause) {
    const said = quote(json.trim());
    throw new FilterToolError(`nft lists no rules, but says ${said}; run "nft -j list ruleset"`, { cause });
  }
}
