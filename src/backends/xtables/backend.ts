import { parseMac } from '../../address/mac.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import type { Backend, GuardedHost, PortChange } from '../backend.ts';
import { NO_TABLES, type TableName } from './chains.ts';
import { HOOKS, hostTables, portTables } from './host-chains.ts';
import { readDrift, readDrops, readPortRules } from './inspect.ts';
import { HOOKED_ONCE, type Present, restoreInput } from './restore.ts';
import { chainsOf, RefusedRulesError, readTables, restore } from './tools.ts';

/** ebtables and ip6tables, in their nft variants. */
export const xtables: Backend = {
  applyPort,
  applyHost: async (host) => write(host, await readPresent()),
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
    if (!(error instanceof RefusedRulesError)) throw error;
    await rebuild(hostAfter(change), change.port);
  }
}

function hostAfter({ host, port, after }: PortChange): GuardedHost {
  return {
    ...host,
    ports: new Map([...host.ports, ...(after === undefined ? [] : [[port, after] as const])]),
  };
}

/** @param port one that is on its way out, and no orphan. */
async function rebuild(host: GuardedHost, port?: string): Promise<void> {
  const present = await readPresent();
  await write(withOrphans(host, present, port), present);
}

async function write(host: GuardedHost, present: Present): Promise<void> {
  await restore(restoreInput({ tables: hostTables(host), present, hooked: true }));
}

async function removeAll(): Promise<void> {
  await restore(restoreInput({ tables: NO_TABLES, present: await readPresent(), hooked: false }));
}

/** Ports with chains that nobody knows the policy of, as the registry was lost: they stay, closed. */
function withOrphans(host: GuardedHost, present: Present, port?: string): GuardedHost {
  const names = present.chains['ebtables nat'].flatMap((chain) => /^vg-in:([^+/]+)$/.exec(chain)?.[1] ?? []);
  const orphans = names.filter((name) => name !== port && !host.ports.has(name));
  const closed = orphans.map((name) => [name, { restricted: false, policy: () => CLOSED }] as const);
  return { ...host, ports: new Map([...host.ports, ...closed]) };
}

const CLOSED: GuardPolicy = {
  mode: 'disabled',
  mac: parseMac('02:00:00:00:00:00'),
  extraMacs: [],
  ipv4: [],
  ipv6: [],
  linkLocal: 'listed',
  dhcp: false,
  peers: 'isolated',
  dom0: 'none',
  roles: [],
  virtualRouters: [],
};

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
