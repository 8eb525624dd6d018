import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { currentGeneration } from '../../netlink/nftables-generation.ts';
import { idleTool } from '../tool.ts';

/** A change of the tables. Resolves to how many transactions it took. */
export type TableChange = (untouched: boolean) => Promise<number>;

const FILE = 'generation';

/**
 * Changes the tables, and remembers the generation of them that the kernel has afterwards. When the next
 * change finds another generation, somebody else has changed the tables, or a change of ours was cut short.
 *
 * @param directory where the generation is kept, one network namespace's.
 * @param change is told whether the tables are as the last change left them.
 * @throws FilterToolError when the kernel has seen fewer transactions than the change took: nobody knows then what
 *   it holds.
 */
export async function changeTables(directory: string, change: TableChange): Promise<void> {
  const file = join(directory, FILE);
  const before = currentGeneration();
  const recorded = await readFile(file, 'utf8').catch(() => undefined);
  if (recorded !== undefined) await rm(file, { force: true });
  const transactions = await change(before !== undefined && recorded === String(before));
  const after = currentGeneration();
  if (before !== undefined && after !== undefined && (after - before) >>> 0 < transactions)
    throw idleTool('ebtables-nft-restore or ip6tables-nft-restore', 'iptables');
  const onlyOurs = before !== undefined && after === before + transactions;
  // Without the file the next change only takes longer.
  if (onlyOurs) await writeFile(file, String(after), { mode: 0o600 }).catch(() => undefined);
}

/** When nothing of ours is left in the tables. */
export async function forgetGeneration(directory: string): Promise<void> {
  await rm(join(directory, FILE), { force: true });
}
