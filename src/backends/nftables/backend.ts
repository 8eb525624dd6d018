import type { Backend, GuardedHost, GuardedPort, PortChange } from '../backend.ts';
import { RefusedRulesError } from '../tool.ts';
import { hostTable } from './host-table.ts';
import { guardedPorts, presentIn, readDrift, readDrops, readPortRules } from './inspect.ts';
import { type PortGuard, portGuard } from './port-guard.ts';
import { changeScript, REMOVAL, rebuildScript } from './script.ts';
import { type Elements, EMPTY_TABLE } from './table.ts';
import { apply, listTables, rewrite } from './tools.ts';

/**
 * One table of the bridge family, with verdict maps by interface index. Not netdev's ingress and egress:
 * their chains belong to a device, and older kernels take them away with it, so that one could neither
 * write them before the port is there nor count on finding them when it goes; and what they see besides,
 * LLDP's group, the port's group_fwd_mask brings before this table, too. It needs no br_netfilter.
 */
export const nftables: Backend = {
  bridgeNetfilter: false,
  applyPort,
  applyHost,
  ports: async () => guardedPorts(await listTables()),
  removeAll: () => apply(REMOVAL),
  drift: readDrift,
  list: readPortRules,
  drops: readDrops,
};

/**
 * Only the port's elements, while the chains of its class are there; those, too, when it is the first
 * of its class.
 */
async function applyPort(change: PortChange): Promise<void> {
  const { port } = change;
  const { untrustedPorts } = change.after;
  const [was, is] = [change.before, change.after].map(({ ports }) => ports.get(port));
  // The first port, or the first since the registry was lost: look at what is there. And so when nobody knows any
  // more by which index the port is there.
  const isUnknown = was !== undefined && was.index === undefined;
  if (change.before.isEmpty || isUnknown) return await applyHost(change.after);
  const [before, after] = [guardOf(was, untrustedPorts), guardOf(is, untrustedPorts)];
  const elements = {
    remove: difference(before.elements, after.elements),
    add: after.elements,
    forget: was?.index === is?.index ? undefined : was?.index,
  };
  const tables = is === undefined ? [EMPTY_TABLE] : [EMPTY_TABLE, after.classTable];
  for (const table of tables) {
    const script = changeScript({ ...elements, table });
    // A port that comes brings elements; one that stays may have them all.
    if (await isAccepted(() => (was === undefined ? rewrite(script) : apply(script)))) return;
  }
  await applyHost(change.after);
}

async function isAccepted(run: () => Promise<void>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof RefusedRulesError)) throw error;
    return false;
  }
}

async function applyHost(host: GuardedHost): Promise<void> {
  await rewrite(rebuildScript(hostTable(host), presentIn(await listTables())));
}

const NO_GUARD: PortGuard = { classTable: EMPTY_TABLE, elements: new Map() };

function guardOf(port: GuardedPort | undefined, untrustedPorts: readonly string[]): PortGuard {
  if (port?.index === undefined) return NO_GUARD;
  return portGuard({ index: port.index, policy: port.policy(), untrustedPorts });
}

/** The elements of `all` that are not in `some`. */
function difference(all: Elements, some: Elements): Elements {
  const left = (set: string, list: readonly string[]) => {
    const others = new Set(some.get(set));
    return list.filter((element) => !others.has(element));
  };
  return new Map([...all].map(([set, list]) => [set, left(set, list)]));
}
