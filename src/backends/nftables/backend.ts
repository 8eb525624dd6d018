import { NetlinkError } from '../../netlink/error.ts';
import { changeElements, type ElementChange } from '../../netlink/set-elements.ts';
import type { Backend, GuardedHost, GuardedPort, PortChange } from '../backend.ts';
import { RefusedRulesError } from '../tool.ts';
import { COUNTERS } from './base-chains.ts';
import { hostTable } from './host-table.ts';
import { guardedPorts, presentIn, readDrift, readDrops, readPortRules } from './inspect.ts';
import { type PortGuard, portGuard } from './port-guard.ts';
import { classScript, REMOVAL, rebuildScript } from './script.ts';
import { device, type Element, type Elements, EMPTY_TABLE, elementText, TABLE, type Table } from './table.ts';
import { apply, kernelTable, listTables, rewrite } from './tools.ts';

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

/** Only the port's elements, while the chains of its class are there; those first when it is the first of its class. */
async function applyPort(change: PortChange): Promise<void> {
  const { port } = change;
  const { untrustedPorts } = change.after;
  const [was, is] = [change.before, change.after].map(({ ports }) => ports.get(port));
  // The first port, or the first since the registry was lost: look at what is there. And so when nobody knows any
  // more by which index the port is there.
  const isUnknown = was !== undefined && was.index === undefined;
  if (change.before.isEmpty || isUnknown) return await applyHost(change.after);
  const [before, after] = [guardOf(was, untrustedPorts), guardOf(is, untrustedPorts)];
  const changes = [
    ...changesOf('delete', difference(before.elements, after.elements)),
    ...changesOf('add', after.elements),
    ...(was?.index === undefined || was.index === is?.index ? [] : withoutCounters(was.index)),
  ];
  if (await areTaken(changes)) return;
  if (is !== undefined && (await isWritten(after.classTable)) && (await areTaken(changes))) return;
  await applyHost(change.after);
}

function changesOf(verb: ElementChange['verb'], elements: Elements): ElementChange[] {
  return [...elements].map(([set, list]) => ({ verb, set, elements: list }));
}

/** A counter is there once there was something to count; older kernels (6.3) have no way to delete one that may not be. */
function withoutCounters(index: number): ElementChange[] {
  const elements = [{ key: [device(index)] }];
  return COUNTERS.flatMap((set) => (['add', 'delete'] as const).map((verb) => ({ verb, set, elements })));
}

/** Why the kernel refuses them, is left to nft to say, as everything is written anew then. */
async function areTaken(changes: readonly ElementChange[]): Promise<boolean> {
  try {
    await changeElements(kernelTable(TABLE), changes);
    return true;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return false;
  }
}

/** Whether the kernel takes the chains and sets of a class; without its table, it does not. */
async function isWritten(classTable: Table): Promise<boolean> {
  try {
    await apply(classScript(classTable));
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
  const left = (set: string, list: readonly Element[]) => {
    const others = new Set(some.get(set)?.map(elementText));
    return list.filter((element) => !others.has(elementText(element)));
  };
  return new Map([...all].map(([set, list]) => [set, left(set, list)]));
}
