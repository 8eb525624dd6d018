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

/** What the restore tools read on stdin; each applies a table at once or not at all. */
export type RestoreInput = { readonly [tool in ToolName]: string };

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

/**
 * Input for `*-restore --noflush`: `:CHAIN` makes or empties a chain, and chains that are present but
 * not in `tables` go. Deleting each hook and adding it again proves, at no extra cost, that it was there.
 */
export function restoreInput(batch: Batch): RestoreInput {
  const text = (tool: ToolName) =>
    TABLES.filter((name) => name.startsWith(`${tool} `))
      .map((name) => tableText(name, batch))
      .join('');
  return { ebtables: text('ebtables'), ip6tables: text('ip6tables'), iptables: text('iptables') };
}

function tableText(name: TableName, { tables, appended = NO_TABLES, present, hooked }: Batch): string {
  const [tool, table] = name.split(' ');
  const chains = tables[name];
  const gone = present.chains[name].filter((chain) => !chains.has(chain));
  const policy = tool === 'ebtables' ? 'RETURN' : '- [0:0]';
  const hooks = HOOKS.flatMap((hook, index) =>
    hook.table === name
      ? [
          ...Array.from({ length: present.hooks[index] ?? 0 }, () => `-D ${hook.chain} ${hook.rule}`),
          ...(hooked ? [`-I ${hook.chain} 1 ${hook.rule}`] : []),
        ]
      : [],
  );
  const lines = [
    ...[...chains.keys(), ...gone].map((chain) => `:${chain} ${policy}`),
    ...[...chains, ...appended[name]].flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ...hooks,
    ...gone.map((chain) => `-X ${chain}`),
  ];
  return lines.length === 0 ? '' : `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}
