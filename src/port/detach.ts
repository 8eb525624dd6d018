import { GUEST_GROUP } from '../backends/guest-group.ts';
import { loadBackend } from '../backends/load.ts';
import type { HostConfig } from '../config/host-config.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { joinBridge, layerOf } from './bridge-layer.ts';
import { deviceOf } from './device.ts';
import { guardedHost } from './guarded-host.ts';
import { macKey } from './index-keys.ts';
import {
  backendsOf,
  type PortKind,
  type PortRecord,
  portsOfVif,
  type Registry,
  readRegistry,
  withoutIdleBridges,
  withoutPort,
} from './registry.ts';
import { writeRegistry } from './write-registry.ts';

interface Host {
  readonly rtnetlink: Rtnetlink;
  readonly config: Pick<HostConfig, 'untrustedPorts'>;
  /** See stateDirectory. */
  readonly directory: string;
}

export interface Detachment extends Host {
  readonly kind: PortKind;
  /** The interface as xl made it; it may have another name by now. */
  readonly device: string;
  readonly backendPath: string;
}

/**
 * Closes the port of a vif, whatever its name is by now, and takes away everything of it. What is not
 * there is fine. The caller holds the lock.
 *
 * @throws NetlinkError, FilterToolError, VifguardError
 */
export async function detach({ kind, device, backendPath, ...host }: Detachment): Promise<void> {
  await closeNamed(host.rtnetlink, device);
  const registry = readRegistry(host.directory);
  const known = portsOfVif(registry, backendPath).filter(([, record]) => record.kind === kind);
  for (const [port] of known) await close({ ...host, port });
  if (known.length === 0) await forgetIdleBridges(host, registry);
}

/** As an attach may have left them that was killed before its port was recorded. */
async function forgetIdleBridges({ rtnetlink, directory }: Host, registry: Registry): Promise<void> {
  const { kept, idle } = withoutIdleBridges(registry);
  if (Object.keys(idle).length === 0) return;
  if (await callsIp6tables(kept)) await releaseBridges(rtnetlink, idle);
  writeRegistry(directory, kept);
}

/**
 * Closes a registered port: its device down, off the bridge (which drops its settings and FDB entries), then
 * its rules, then its claim.
 */
export async function close({
  rtnetlink,
  config,
  directory,
  port,
}: Host & { readonly port: string }): Promise<void> {
  const registry = readRegistry(directory);
  const known = registry.ports.get(port);
  if (known === undefined) return;
  const device = await deviceOf(rtnetlink, port, known);
  if (device !== undefined) await closeLink(rtnetlink, device);
  const backend = await loadBackend(registry.backend);
  const { kept, idle } = withoutIdleBridges(withoutPort(registry, port));
  if (kept.ports.isEmpty && !kept.pinned) {
    await removeAllRules(kept, directory);
  } else {
    const before = guardedHost(registry, config.untrustedPorts);
    const after = guardedHost(kept, config.untrustedPorts);
    await backend.applyPort({ port, before, after, directory });
  }
  if (await callsIp6tables(kept)) await releaseBridges(rtnetlink, idle);
  await giveBack(rtnetlink, kept, known);
  writeRegistry(directory, kept);
}

/** Link down, off its bridge, if there is one of that name. */
export async function closeNamed(rtnetlink: Rtnetlink, name: string): Promise<void> {
  const link = await rtnetlink.link(name);
  if (link !== undefined) await closeLink(rtnetlink, link);
}

/** Link down, off its bridge, and as xl made it. */
export async function closeLink(rtnetlink: Rtnetlink, { index, up, master = 0, group }: Link): Promise<void> {
  const isOurs = group === GUEST_GROUP;
  if (up) await rtnetlink.setLink(index, { up: false });
  if (master === 0 && !isOurs) return;
  await rtnetlink.setLink(index, { master: 0, ...(isOurs ? { arp: true, group: 0 } : {}) });
}

/** Takes all rules of ours out of the kernel. */
export async function removeAllRules(registry: Registry, directory: string): Promise<void> {
  for (const name of backendsOf(registry)) await (await loadBackend(name)).removeAll(directory);
}

/** Whether rules of ours may need bridges to call ip6tables. */
export async function callsIp6tables(registry: Registry): Promise<boolean> {
  const backends = await Promise.all(backendsOf(registry).map(loadBackend));
  return backends.some(({ bridgeNetfilter }) => bridgeNetfilter);
}

/** Lets bridges call ip6tables again as they did before us; what has taken the name of one that is gone is none. */
export async function releaseBridges(rtnetlink: Rtnetlink, bridges: Registry['bridges']): Promise<void> {
  for (const [name, { calledIp6tables }] of Object.entries(bridges)) {
    const bridge = await rtnetlink.link(name);
    if (bridge?.kind === 'bridge')
      await rtnetlink.setBridge(bridge.index, { nfCallIp6tables: calledIp6tables });
  }
}

/**
 * Gives the MAC of a port that has gone back to those that share it: an HVM guest's vif, which is
 * alone once QEMU's tap has gone, and the source of a migration that has failed.
 */
async function giveBack(rtnetlink: Rtnetlink, registry: Registry, gone: PortRecord): Promise<void> {
  const { mac } = gone.policy;
  const sharing = [...registry.ports.under(macKey(mac))].filter(([, { policy }]) => policy.mac === mac);
  for (const [name, record] of sharing) {
    const link = await deviceOf(rtnetlink, name, record);
    const bridge = await rtnetlink.link(record.bridge);
    if (link === undefined || bridge === undefined || link.master !== bridge.index) continue;
    await joinBridge(rtnetlink, {
      port: { index: link.index, joined: true },
      bridge,
      layer: layerOf(registry, record),
    });
  }
}
