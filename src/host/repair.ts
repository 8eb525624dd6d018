import { loadBackend } from '../backends/load.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { layerOf } from '../port/bridge-layer.ts';
import { closeNamed } from '../port/detach.ts';
import { deviceAmong, indexOf, unpluggedTaps } from '../port/device.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { readRegistry } from '../port/registry.ts';
import { writeRegistry } from '../port/write-registry.ts';
import { finishMove } from './backend-move.ts';
import { bridgesMixingVlans, type GuardState, portsWithoutRecord } from './inspection.ts';
import { layerRestoration, type Restoration, renamingOf, unpluggingOf } from './restoration.ts';

export interface Repair {
  readonly rtnetlink: Rtnetlink;
  /** See stateDirectory. */
  readonly directory: string;
  readonly state: GuardState;
}

/** What was put right, and what could not be, in words. */
export interface Healing {
  readonly done: readonly string[];
  readonly refused: readonly string[];
}

/**
 * Makes the kernel hold what the registry says; what is as it should be stays untouched, drop counters
 * too. Filters come first, then what lets frames reach them. The caller holds the lock.
 *
 * @throws VifguardError when the kernel or its tools stand in the way of all.
 */
export async function repair(repair: Repair): Promise<Healing> {
  recordIndexes(repair);
  const host = [
    ...(await closePortsWithoutRecord(repair)),
    ...(await writeTables(repair)),
    ...(await callIp6tables(repair)),
    ...(await filterVlans(repair)),
    ...(await finishMove(repair)),
  ];
  const { done, refused } = await restorePorts(repair);
  return { done: [...host, ...done], refused };
}

/** Of ports that an older version has attached, so that from now on it is the device that is told. */
function recordIndexes({ directory, state }: Repair): void {
  if ([...state.registry.ports].every(([, { index }]) => index !== undefined)) return;
  const registry = readRegistry(directory);
  const found = [...registry.ports].flatMap(([port, record]) => {
    const index = record.index === undefined ? indexOf(port, record) : undefined;
    return index === undefined ? [] : [[port, { ...record, index }] as const];
  });
  if (found.length > 0) writeRegistry(directory, { ...registry, ports: registry.ports.with(found) });
}

/** Nobody knows what their guests may do, and without a record their rules go. */
async function closePortsWithoutRecord({ rtnetlink, state }: Repair): Promise<string[]> {
  const ports = portsWithoutRecord(state);
  for (const port of ports) await closeNamed(rtnetlink, port);
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

/** What ports lack that are on their bridge. What stands in the way of one keeps no other from being put right. */
async function restorePorts({ rtnetlink, directory, state }: Repair): Promise<Healing> {
  const { registry, links } = state;
  const healing = { done: [], refused: [] };
  for (const [port, record] of registry.ports) {
    const link = deviceAmong(links, port, record);
    const bridge = links.find(({ name }) => name === record.bridge);
    if (link === undefined || bridge === undefined || link.master !== bridge.index) continue;
    await apply(port, await renamingOf(rtnetlink, { port, record, link }), healing);
    const attached = { ...state, port, link, bridge };
    await apply(port, layerRestoration(rtnetlink, attached, layerOf(registry, record)), healing);
  }
  // After that of the vifs, which have to be otherwise then.
  const host = { rtnetlink, directory, registry, config: state };
  for (const [port, record] of unpluggedTaps(registry, links)) {
    await apply(port, await unpluggingOf(host, port, record), healing);
  }
  return healing;
}

/** Applies a restoration, if there is one, and notes that it did, or what stands in its way. */
async function apply(
  port: string,
  restoration: Restoration | undefined,
  { done, refused }: { readonly done: string[]; readonly refused: string[] },
): Promise<void> {
  if (restoration === undefined) return;
  try {
    await restoration.apply();
    done.push(restoration.text);
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    refused.push(`${port}: cannot be put right: ${describeError(error)}`);
  }
}
