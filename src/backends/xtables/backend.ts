import { parseMac } from '../../address/mac.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
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
  // The first port, or the first since the registry was lost: look at what is there.
  if (change.host.ports.size === 0 && change.before === undefined) {
    return await rebuild(hostAfter(change), change.port);
  }
  const { tables, gone } = portTables(change);
  try {
    await restore(restoreInput({ tables, present: { chains: gone, hooks: HOOKED_ONCE }, hooked: true }));
  } catch (error) {
    if (!(error instanceof XtablesError)) throw error;
    await rebuild(hostAfter(change), change.port);
  }
}

function hostAfter({ host, port, after }: PortChange): GuardedHost {
  return {
    ...host,
    ports: new Map([...host.ports, ...(after === undefined ? [] : [[port, after] as const])]),
  };
}

/** Writes everything anew, whatever the kernel holds. @throws XtablesError */
async function rebuild(host: GuardedHost, port: string): Promise<void> {
  const present = await readPresent();
  await restore(
    restoreInput({ tables: hostTables(withOrphans(host, present, port)), present, hooked: true }),
  );
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

/** Ports with chains that nobody knows the policy of, as the registry was lost: they stay, closed. */
function withOrphans(host: GuardedHost, present: Present, port: string): GuardedHost {
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
