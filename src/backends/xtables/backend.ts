import type { TableName } from './chains.ts';
import { type GuardedHost, HOOKS, hostTables, type PortChange, portTables } from './host-chains.ts';
import { HOOKED_ONCE, type Present, restoreInput } from './restore.ts';
import { restore, save, tableSections, XtablesError } from './tools.ts';

/**
 * Makes the tables right for one port that comes, changes or goes. Only that port's chains and its
 * branch of the trees are written. When the kernel does not hold what we left there, everything is
 * written anew.
 *
 * @throws XtablesError when the kernel or its tools refuse; each table is then as it was.
 */
export async function applyPort(change: PortChange): Promise<void> {
  const { tables, gone } = portTables(change);
  try {
    await restore(restoreInput({ tables, present: { chains: gone, hooks: HOOKED_ONCE }, hooked: true }));
  } catch (error) {
    if (!(error instanceof XtablesError)) throw error;
    await rebuild(hostAfter(change));
  }
}

function hostAfter({ host, port, after }: PortChange): GuardedHost {
  return {
    ...host,
    ports: new Map([...host.ports, ...(after === undefined ? [] : [[port, after] as const])]),
  };
}

/** Writes everything anew, whatever the kernel holds. @throws XtablesError */
export async function rebuild(host: GuardedHost): Promise<void> {
  const present = await readPresent();
  await restore(restoreInput({ tables: hostTables(host), present, hooked: true }));
}

/** Takes everything of ours out of the tables. @throws XtablesError */
export async function removeAll(): Promise<void> {
  const none = new Map();
  const tables = {
    'ebtables filter': none,
    'ebtables nat': none,
    'ip6tables filter': none,
    'ip6tables raw': none,
  };
  await restore(restoreInput({ tables, present: await readPresent(), hooked: false }));
}

/** The ports that have chains in the kernel. */
export async function portsPresent(): Promise<readonly string[]> {
  const { chains } = await readPresent();
  const names = chains['ebtables nat'].map((chain) => /^vg-in:([^+/]+)$/.exec(chain)?.[1]);
  return names.filter((name) => name !== undefined);
}

async function readPresent(): Promise<Present> {
  const [ebtables, ip6tables] = await Promise.all([save('ebtables'), save('ip6tables')]);
  const sections = new Map([
    ...tableSections('ebtables', ebtables),
    ...tableSections('ip6tables', ip6tables),
  ]);
  const chains = (name: TableName) =>
    (sections.get(name) ?? []).flatMap((line) => /^:(vg-\S+)/.exec(line)?.[1] ?? []);
  return {
    chains: {
      'ebtables filter': chains('ebtables filter'),
      'ebtables nat': chains('ebtables nat'),
      'ip6tables filter': chains('ip6tables filter'),
      'ip6tables raw': chains('ip6tables raw'),
    },
    hooks: HOOKS.map(
      ({ table, chain, rule }) =>
        (sections.get(table) ?? []).filter((line) => line === `-A ${chain} ${rule}`).length,
    ),
  };
}
