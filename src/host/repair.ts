import { loadBackend } from '../backends/load.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { layerOf } from '../port/bridge-layer.ts';
import { close } from '../port/detach.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { finishMove } from './backend-move.ts';
import { bridgesMixingVlans, type GuardState, portsWithoutRecord, renamedPorts } from './inspection.ts';
import { layerRestoration, type Restoration, restorationOf } from './restoration.ts';

export interface Repair {
  readonly rtnetlink: Rtnetlink;
  /** See stateDirectory. */
  readonly directory: string;
  readonly state: GuardState;
}

/**
 * Makes the kernel hold what the registry says; what is as it should be stays untouched, drop counters
 * too. Filters come first, then what lets frames reach them. The caller holds the lock.
 *
 * @returns what it did, and of which ports it could not, in words.
 * @throws VifguardError when the kernel or its tools stand in the way of all.
 */
export async function repair(repair: Repair): Promise<string[]> {
  return [
    ...(await closePortsWithoutRecord(repair)),
    ...(await writeTables(repair)),
    ...(await callIp6tables(repair)),
    ...(await filterVlans(repair)),
    ...(await finishMove(repair)),
    ...(await restoreNames(repair)),
    ...(await restoreLayers(repair)),
  ];
}

/** Nobody knows what their guests may do, and without a record their rules go. */
async function closePortsWithoutRecord({ rtnetlink, directory, state }: Repair): Promise<string[]> {
  const ports = portsWithoutRecord(state);
  for (const port of ports) await close({ rtnetlink, config: state, directory, port });
  return ports.map((port) => `${port}: closed, as its record is lost; restart the guest`);
}

async function writeTables({ directory, state }: Repair): Promise<string[]> {
  const { registry, drift = [], untrustedPorts } = state;
  if (drift.length === 0) return [];
  const backend = await loadBackend(registry.backend);
  await backend.applyHost(guardedHost(registry, untrustedPorts), directory);
  return [`packet filter: written (${drift.length} ${drift.length === 1 ? 'difference' : 'differences'})`];
}

/** Where the backend needs it. */
export async function callIp6tables({
  rtnetlink,
  state: { registry, links, bridgeNetfilter },
}: {
  readonly rtnetlink: Rtnetlink;
  readonly state: Pick<GuardState, 'registry' | 'links' | 'bridgeNetfilter'>;
}): Promise<string[]> {
  if (!bridgeNetfilter) return [];
  const bridges = links.filter(
    ({ name, bridge }) => Object.hasOwn(registry.bridges, name) && bridge?.nfCallIp6tables === false,
  );
  for (const { index } of bridges) await rtnetlink.setBridge(index, { nfCallIp6tables: true });
  return bridges.map(({ name }) => `${name}: nf_call_ip6tables switched on`);
}

/** Ports that are in a VLAN came to a bridge that filtered them. */
export async function filterVlans({
  rtnetlink,
  state,
}: {
  readonly rtnetlink: Rtnetlink;
  readonly state: Pick<GuardState, 'registry' | 'links'>;
}): Promise<string[]> {
  const bridges = bridgesMixingVlans(state).map(({ bridge }) => bridge);
  for (const { index } of bridges) await rtnetlink.setBridge(index, { vlanFiltering: true });
  return bridges.map(({ name }) => `${name}: vlan_filtering switched on`);
}

/** Rules know ports by name. */
async function restoreNames({ rtnetlink, state }: Repair): Promise<string[]> {
  const done: string[] = [];
  for (const { port, link } of renamedPorts(state)) {
    const { index } = link;
    const restoration = await restorationOf({ rtnetlink, registry: state.registry, port, index });
    if (restoration === undefined) continue;
    done.push(await applied(port, restoration));
  }
  return done;
}

async function restoreLayers({ rtnetlink, state }: Repair): Promise<string[]> {
  const { registry, links } = state;
  const done: string[] = [];
  for (const [name, record] of registry.ports) {
    const port = links.find((link) => link.name === name);
    const bridge = links.find((link) => link.name === record.bridge);
    if (port === undefined || bridge === undefined || port.master !== bridge.index) continue;
    const restoration = layerRestoration(
      rtnetlink,
      { ...state, link: port, bridge },
      layerOf(registry, record),
    );
    if (restoration === undefined) continue;
    done.push(await applied(name, restoration));
  }
  return done;
}

/** What stands in the way of one port is said, and keeps no other from being put right. */
async function applied(port: string, { apply, text }: Restoration): Promise<string> {
  try {
    await apply();
    return text;
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    return `${port}: cannot be put right: ${describeError(error)}`;
  }
}
