import type { Backend, GuardedHost, PortChange } from '../backend.ts';
import { hostAfter, withOrphans } from '../known-ports.ts';
import { FilterToolError } from '../tool.ts';
import { NO_TABLES, type TableName } from './chains.ts';
import { HOOKS, hostTables, portTables } from './host-chains.ts';
import { readDrift, readDrops, readPortRules } from './inspect.ts';
import { HOOKED_ONCE, type Present, restoreInput } from './restore.ts';
import { chainsOf, readTables, restore } from './tools.ts';

/** ebtables and ip6tables, in their nft variants. */
export const xtables: Backend = {
  bridgeNetfilter: true,
  applyPort,
  applyHost: (host) => rebuild(host),
  removeAll,
  drift: readDrift,
  list: readPortRules,
  drops: readDrops,
};

/** Only the port's chains and its branch of the trees are written. */
async function applyPort(change: PortChange): Promise<void> {
  // The first port, or the first since the registry was lost: look at what is there.
  if (change.host.ports.size === 0 && change.before === undefined) {
    return await rebuild(hostAfter(change), change.port);
  }
  const { tables, gone } = portTables(change);
  try {
    await restore(restoreInput({ tables, present: { chains: gone, hooks: HOOKED_ONCE }, hooked: true }));
  } catch (error) {
    if (!(error instanceof FilterToolError)) throw error;
    await rebuild(hostAfter(change), change.port);
  }
}

/** @param port one that is on its way out, and no orphan. */
async function rebuild(host: GuardedHost, port?: string): Promise<void> {
  const present = await readPresent();
  const orphans = portsIn(present).filter((name) => name !== port);
  await restore(restoreInput({ tables: hostTables(withOrphans(host, orphans)), present, hooked: true }));
}

async function removeAll(): Promise<void> {
  await restore(restoreInput({ tables: NO_TABLES, present: await readPresent(), hooked: false }));
}

/** The ports with chains of their own. */
function portsIn({ chains }: Present): readonly string[] {
  return chains['ebtables nat'].flatMap((chain) => /^vg-in:([^+/]+)$/.exec(chain)?.[1] ?? []);
}

async function readPresent(): Promise<Present> {
  const tables = await readTables();
  const chains = (name: TableName) => [...chainsOf(tables[name]).keys()];
  return {
    chains: {
      'ebtables filter': chains('ebtables filter'),
      'ebtables nat': chains('ebtables nat'),
      'ip6tables filter': chains('ip6tables filter'),
      'ip6tables raw': chains('ip6tables raw'),
    },
    hooks: HOOKS.map(
      ({ table, chain, rule }) => tables[table].filter((line) => line === `-A ${chain} ${rule}`).length,
    ),
  };
}
