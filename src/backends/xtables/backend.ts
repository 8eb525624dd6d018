import { type Backend, type GuardedHost, hostAfter, type PortChange } from '../backend.ts';
import { RefusedRulesError } from '../tool.ts';
import { NO_TABLES, type TableName } from './chains.ts';
import { HOOKS, hostTables, portTables } from './host-chains.ts';
import { readDrift, readDrops, readPortRules, readPorts } from './inspect.ts';
import { HOOKED_ONCE, type Present, restoreInput } from './restore.ts';
import { chainsOf, readTables, restore } from './tools.ts';

/** ebtables and ip6tables, in their nft variants. */
export const xtables: Backend = {
  bridgeNetfilter: true,
  applyPort,
  applyHost,
  ports: readPorts,
  removeAll,
  drift: readDrift,
  list: readPortRules,
  drops: readDrops,
};

/** Only the port's chains and its branch of the trees are written. */
async function applyPort(change: PortChange): Promise<void> {
  // The first port, or the first since the registry was lost: look at what is there.
  if (change.host.ports.size === 0 && change.before === undefined) {
    return await applyHost(hostAfter(change));
  }
  const { tables, gone } = portTables(change);
  try {
    await restore(restoreInput({ tables, present: { chains: gone, hooks: HOOKED_ONCE }, hooked: true }));
  } catch (error) {
    if (!(error instanceof RefusedRulesError)) throw error;
    await applyHost(hostAfter(change));
  }
}

async function applyHost(host: GuardedHost): Promise<void> {
  await restore(restoreInput({ tables: hostTables(host), present: await readPresent(), hooked: true }));
}

async function removeAll(): Promise<void> {
  await restore(restoreInput({ tables: NO_TABLES, present: await readPresent(), hooked: false }));
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
