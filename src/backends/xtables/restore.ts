import {
  type ChainNames,
  mapTables,
  NO_TABLES,
  TABLES,
  type TableName,
  type Tables,
  type ToolName,
} from './chains.ts';
import { HOOKS } from './host-chains.ts';

/** What each restore tool reads on stdin, one run after another; a run applies a table at once or not at all. */
export type RestoreInput = { readonly [tool in ToolName]: readonly string[] };

/** What a batch finds in the kernel: our chains by table, and how often each hook stands there. */
export interface Present {
  readonly chains: ChainNames;
  readonly hooks: readonly number[];
}

/** At every attach but the first, each hook is there once. */
export const HOOKED_ONCE: Present['hooks'] = HOOKS.map(() => 1);

/** The state of a kernel that has never seen us. */
export const NOTHING_PRESENT: Present = {
  chains: mapTables(() => []),
  hooks: [],
};

export interface Batch {
  /** Chains to write anew; an empty one is kept. */
  readonly tables: Tables;
  /** Rules at the end of chains that stay as they are. */
  readonly appended?: Tables;
  readonly present: Present;
  /** Whether to hook the chains in (again, first) or leave them off. */
  readonly hooked: boolean;
}

/** More rules than these go in several runs where that may be: ebtables-nft-restore takes time by their square. */
const LINES = 5_000;

/**
 * Input for `*-restore --noflush`: `:CHAIN` makes or empties a chain, and chains that are present but
 * not in `tables` go. Deleting each hook and adding it again proves, at no extra cost, that it was there.
 *
 * A table takes one run, but where nothing of ours is hooked in: no frame meets a chain before the last lines.
 */
export function restoreInput(batch: Batch): RestoreInput {
  const runs = (tool: ToolName) => {
    const names = TABLES.filter((name) => name.startsWith(`${tool} `));
    const tables = names.map((name) => textsOf(name, batch)).filter((texts) => texts.length > 0);
    const texts = tables.flat();
    return texts.length === tables.length && texts.length > 0 ? [texts.join('')] : texts;
  };
  return { ebtables: runs('ebtables'), ip6tables: runs('ip6tables'), iptables: runs('iptables') };
}

function textsOf(name: TableName, batch: Batch): readonly string[] {
  const { chains, rules } = linesOf(name, batch);
  if (chains.length === 0 && rules.length === 0) return [];
  const length = isYetToBeHooked(name, batch) ? LINES : rules.length;
  const pieces = [rules.slice(0, length)];
  for (let start = length; start < rules.length; start += length) {
    pieces.push(rules.slice(start, start + length));
  }
  // To empty chains that are empty is no transaction: the first rules come with them.
  return pieces.map((piece, index) => tableText(name, index === 0 ? [...chains, ...piece] : piece));
}

function isYetToBeHooked(name: TableName, { present, hooked }: Batch): boolean {
  return hooked && HOOKS.every(({ table }, index) => table !== name || (present.hooks[index] ?? 0) === 0);
}

function tableText(name: TableName, lines: readonly string[]): string {
  const [, table] = name.split(' ');
  return `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}

function linesOf(name: TableName, batch: Batch): Record<'chains' | 'rules', readonly string[]> {
  const { tables, appended = NO_TABLES, present, hooked } = batch;
  const chains = tables[name];
  const gone = present.chains[name].filter((chain) => !chains.has(chain));
  const policy = name.startsWith('ebtables ') ? 'RETURN' : '- [0:0]';
  const hooks = HOOKS.flatMap((hook, index) =>
    hook.table === name
      ? [
          ...Array.from({ length: present.hooks[index] ?? 0 }, () => `-D ${hook.chain} ${hook.rule}`),
          ...(hooked ? [`-I ${hook.chain} 1 ${hook.rule}`] : []),
        ]
      : [],
  );
  return {
    chains: [...chains.keys(), ...gone].map((chain) => `:${chain} ${policy}`),
    rules: [
      ...[...chains, ...appended[name]].flatMap(([chain, rules]) =>
        rules.map((rule) => `-A ${chain} ${rule}`),
      ),
      ...hooks,
      ...gone.map((chain) => `-X ${chain}`),
    ],
  };
}
