import { PATIENT_MS, runTool } from '../tool.ts';
import { mapTables, type TableName } from './chains.ts';
import type { RestoreInput } from './restore.ts';

/**
 * Applies both inputs, side by side.
 *
 * @returns how many transactions that took: one for each table.
 * @throws FilterToolError when one of them is refused.
 */
export async function restore(input: RestoreInput, timeoutMs?: number): Promise<number> {
  const results = await Promise.allSettled([
    apply('ebtables-nft-restore', input.ebtables, timeoutMs),
    apply('ip6tables-nft-restore', input.ip6tables, timeoutMs),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return `${input.ebtables}${input.ip6tables}`.match(/^COMMIT$/gm)?.length ?? 0;
}

function apply(program: string, input: string, timeoutMs: number | undefined): Promise<string> {
  return runTool({ program, args: ['--noflush'], input, timeoutMs, recurs: true, debianPackage: 'iptables' });
}

/** @throws FilterToolError */
export function run(program: string, args: readonly string[], input?: string): Promise<string> {
  return runTool({ program, args, input, debianPackage: 'iptables' });
}

/** What our tables hold, as lines in the form that the restore tools read: `:CHAIN POLICY` and `-A CHAIN RULE`. */
export type SavedTables = { readonly [name in TableName]: readonly string[] };

/** @throws FilterToolError */
export async function readTables(options: { readonly counters?: boolean } = {}): Promise<SavedTables> {
  const args = options.counters ? ['-c'] : [];
  const [ebtables, ip6tables] = await Promise.all([
    run('ebtables-nft-save', args),
    run('ip6tables-nft-save', args),
  ]);
  return sections({ ebtables, ip6tables });
}

/**
 * What the save tools print once the kernel has taken these rules into empty tables, in a network
 * namespace that ends with the tool.
 *
 * @throws FilterToolError when the kernel refuses them.
 */
export async function rehearse(input: RestoreInput): Promise<SavedTables> {
  const tools = ['ebtables', 'ip6tables'] as const;
  const [ebtables = '', ip6tables = ''] = await Promise.all(
    tools.map((tool) => {
      const script = `${tool}-nft-restore --noflush && exec ${tool}-nft-save`;
      const args = ['--net', 'sh', '-c', script];
      const limits = { timeoutMs: PATIENT_MS, debianPackage: 'iptables' };
      return runTool({ program: 'unshare', args, input: input[tool], ...limits });
    }),
  );
  return sections({ ebtables, ip6tables });
}

function sections(saved: RestoreInput): SavedTables {
  const of = (name: TableName) => {
    const [tool, table] = name.split(' ') as ['ebtables' | 'ip6tables', string];
    const [, section = ''] = saved[tool].split(new RegExp(`^\\*${table}$`, 'm'));
    const [lines = ''] = section.split(/^(?:\*|COMMIT)/m);
    return lines.split('\n').filter((line) => /^[:[-]/.test(line));
  };
  return mapTables(of);
}

/** The rules of our chains, with counters if they have been read. */
export function chainsOf(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const line of lines) {
    const name = /^:(vg-\S+)/.exec(line)?.[1];
    if (name !== undefined) chains.set(name, []);
    const rule = /^(?:\[\d+:\d+\] )?-A (vg-\S+) /.exec(line)?.[1];
    if (rule !== undefined) chains.get(rule)?.push(line);
  }
  return chains;
}
