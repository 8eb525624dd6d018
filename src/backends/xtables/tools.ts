import { idleTool, runTool } from '../tool.ts';
import { mapTables, type TableName, TOOLS, type ToolName } from './chains.ts';
import { type Batch, NOTHING_PRESENT, type RestoreInput, restoreInput } from './restore.ts';

/**
 * Applies all inputs, those of different tools side by side.
 *
 * @returns how many transactions that took: one for each table in each run.
 * @throws FilterToolError when one of them is refused.
 */
export async function restore(input: RestoreInput, timeoutMs?: number): Promise<number> {
  const results = await Promise.allSettled(TOOLS.map((tool) => apply(tool, input[tool], timeoutMs)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return (
    Object.values(input)
      .flat()
      .join('')
      .match(/^COMMIT$/gm)?.length ?? 0
  );
}

/** iptables has one rule only, for a host: no event needs it ready. */
async function apply(
  tool: ToolName,
  inputs: readonly string[],
  timeoutMs: number | undefined,
): Promise<void> {
  const recurs = tool !== 'iptables';
  const program = `${tool}-nft-restore`;
  for (const input of inputs) {
    await runTool({ program, args: ['--noflush'], input, timeoutMs, recurs, debianPackage: 'iptables' });
  }
}

/** @throws FilterToolError */
export function run(program: string, args: readonly string[], input?: string): Promise<string> {
  return runTool({ program, args, input, debianPackage: 'iptables' });
}

/** What our tables hold, as lines in the form that the restore tools read: `:CHAIN POLICY` and `-A CHAIN RULE`. */
export type SavedTables = { readonly [name in TableName]: readonly string[] };

/** What each tool prints. */
type Listing = { readonly [tool in ToolName]: string };

/** @throws FilterToolError */
export async function readTables(options: { readonly counters?: boolean } = {}): Promise<SavedTables> {
  const args = options.counters ? ['-c'] : [];
  return sections(await mapTools((tool) => run(`${tool}-nft-save`, args)));
}

export interface Rehearsal extends Pick<Batch, 'tables' | 'hooked'> {
  /** For each tool, in milliseconds; when absent, that of an event. */
  readonly timeoutMs?: number | undefined;
}

/**
 * What the save tools print once the kernel has taken these chains into empty tables, in a network
 * namespace that ends with the tool.
 *
 * @throws FilterToolError when the kernel refuses them.
 */
export async function rehearse({ tables, hooked, timeoutMs }: Rehearsal): Promise<SavedTables> {
  const input = restoreInput({ tables, present: NOTHING_PRESENT, hooked });
  const saved = await mapTools(async (tool) => {
    const restoring = `${tool}-nft-restore`;
    const run = `head --bytes="$size" | ${restoring} --noflush`;
    const script = `for size; do ${run} || exit; done; exec ${tool}-nft-save`;
    const sizes = input[tool].map((text) => `${Buffer.byteLength(text)}`);
    const args = ['--net', 'sh', '-c', script, 'sh', ...sizes];
    const listed = await runTool({
      program: 'unshare',
      args,
      starts: restoring,
      input: input[tool].join(''),
      timeoutMs,
      debianPackage: 'util-linux',
    });
    if (sizes.length > 0 && listed.trim() === '') throw idleTool(restoring, 'iptables');
    return listed;
  });
  return sections(saved);
}

async function mapTools(of: (tool: ToolName) => Promise<string>): Promise<Listing> {
  const [ebtables, ip6tables, iptables] = await Promise.all([
    of('ebtables'),
    of('ip6tables'),
    of('iptables'),
  ]);
  return { ebtables, ip6tables, iptables };
}

function sections(saved: Listing): SavedTables {
  const of = (name: TableName) => {
    const [tool, table] = name.split(' ') as [ToolName, string];
    const [, section = ''] = saved[tool].split(new RegExp(`^\\*${table}$`, 'm'));
    const [lines = ''] = section.split(/^(?:\*|COMMIT)/m);
    return lines.split('\n').filter((line) => /^[:[-]/.test(line));
  };
  return mapTables(of);
}

/** The policies that our chains have, ebtables' and the others'. */
const POLICIES = ['RETURN', '-'];

/** The rules of our chains, with counters if they have been read; and a policy that is not ours, as it is listed. */
export function chainsOf(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, policy = ''] = /^:(vg-\S+) (\S+)/.exec(line) ?? [];
    if (name !== undefined) chains.set(name, POLICIES.includes(policy) ? [] : [line]);
    const rule = /^(?:\[\d+:\d+\] )?-A (vg-\S+) /.exec(line)?.[1];
    if (rule !== undefined) chains.get(rule)?.push(line);
  }
  return chains;
}
