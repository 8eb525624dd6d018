import { loadBackend } from '../backends/load.ts';
import { loadHostConfig } from '../config/host-config.ts';
import { openRtnetlink, type Rtnetlink } from '../netlink/rtnetlink.ts';
import { joinBridge, layerOf } from '../port/bridge-layer.ts';
import { close } from '../port/detach.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { withLock } from '../port/lock.ts';
import { backendOf, readRegistry, stateDirectory, writeRegistry } from '../port/registry.ts';
import { loadBridgeNetfilter } from './bridge-netfilter.ts';
import { LOCK_OPTIONS, readHostState, requireRoot } from './host-state.ts';
import {
  type HostState,
  hasLayerProblem,
  type Inspection,
  inspect,
  portsWithoutRecord,
} from './inspection.ts';

/** What setting up did, in words, and how the host is after it. */
export interface SetUp {
  readonly done: readonly string[];
  readonly inspection: Inspection;
}

/**
 * Makes a host ready before its first guest, and repairs it after: what is as it should be stays
 * untouched, drop counters too. Filters come first, then what lets frames reach them.
 *
 * @throws VifguardError when the kernel, its tools or the host config stand in the way.
 */
export async function setUpHost(): Promise<SetUp> {
  requireRoot();
  const config = loadHostConfig();
  const directory = stateDirectory();
  return await withLock(`${directory}/lock`, LOCK_OPTIONS, async () => {
    const registry = await readRegistry(directory);
    const backend = backendOf(registry, config.backend);
    const needed = (await loadBackend(backend)).bridgeNetfilter;
    const loaded = needed && (await loadBridgeNetfilter()) ? ['br_netfilter: loaded'] : [];
    if (!registry.pinned) await writeRegistry(directory, { ...registry, backend, pinned: true });
    const state = await readHostState(config);
    const rtnetlink = await openRtnetlink();
    try {
      const done = [
        ...loaded,
        ...(await closePortsWithoutRecord(rtnetlink, directory, state)),
        ...(await writeTables(state, directory)),
        ...(await callIp6tables(rtnetlink, state)),
        ...(await restoreLayers(rtnetlink, state)),
      ];
      return { done, inspection: inspect(await readHostState(config)) };
    } finally {
      await rtnetlink.close();
    }
  });
}

/** Nobody knows what their guests may do, and without a record their rules go. */
async function closePortsWithoutRecord(
  rtnetlink: Rtnetlink,
  directory: string,
  state: HostState,
): Promise<string[]> {
  const ports = portsWithoutRecord(state);
  for (const port of ports) await close({ rtnetlink, config: state, directory, port });
  return ports.map((port) => `${port}: closed, as its record is lost; restart the guest`);
}

async function writeTables(
  { registry, drift = [], untrustedPorts }: HostState,
  directory: string,
): Promise<string[]> {
  if (drift.length === 0) return [];
  const backend = await loadBackend(registry.backend);
  await backend.applyHost(guardedHost(registry, untrustedPorts), directory);
  return [`packet filter: written (${drift.length} ${drift.length === 1 ? 'difference' : 'differences'})`];
}

async function callIp6tables(rtnetlink: Rtnetlink, state: HostState): Promise<string[]> {
  const { registry, links, bridgeNetfilter } = state;
  if (!bridgeNetfilter) return [];
  const bridges = links.filter(
    ({ name, bridge }) => Object.hasOwn(registry.bridges, name) && bridge?.nfCallIp6tables === false,
  );
  for (const { index } of bridges) await rtnetlink.setBridge(index, { nfCallIp6tables: true });
  return bridges.map(({ name }) => `${name}: nf_call_ip6tables switched on`);
}

async function restoreLayers(rtnetlink: Rtnetlink, state: HostState): Promise<string[]> {
  const { registry, links } = state;
  const done: string[] = [];
  for (const [name, record] of Object.entries(registry.ports)) {
    const port = links.find((link) => link.name === name);
    const bridge = links.find((link) => link.name === record.bridge);
    const layer = layerOf(registry, record);
    if (port === undefined || bridge === undefined || port.master !== bridge.index) continue;
    if (!hasLayerProblem(state, port, layer)) continue;
    await joinBridge(rtnetlink, { port: { ...port, joined: true }, bridge: bridge.index, layer });
    done.push(`${name}: bridge settings and forwarding entries restored`);
  }
  return done;
}
