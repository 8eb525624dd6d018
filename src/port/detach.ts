import { loadBackend } from '../backends/load.ts';
import type { HostConfig } from '../config/host-config.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { guardedHost, guardedPort } from './guarded-host.ts';
import { type Registry, readRegistry, withoutIdleBridges, withoutPort, writeRegistry } from './registry.ts';

export interface Detachment {
  readonly rtnetlink: Rtnetlink;
  readonly config: Pick<HostConfig, 'untrustedPorts'>;
  readonly directory: string;
  readonly port: string;
  /** The name it came with, when it may still have that one. */
  readonly device: string;
}

/**
 * Closes a port and takes away everything of it: link down, off the bridge (which drops its settings
 * and FDB entries), then its chains, then its claim. What is not there is fine.
 *
 * @throws NetlinkError, FilterToolError, VifguardError
 */
export async function close({ rtnetlink, config, directory, port, device }: Detachment): Promise<void> {
  for (const name of new Set([port, device])) await closeLink(rtnetlink, name);
  const registry = await readRegistry(directory);
  const known = registry.ports[port];
  if (known === undefined) return;
  const backend = await loadBackend(registry.backend);
  const { kept, idle } = withoutIdleBridges(withoutPort(registry, port));
  if (Object.keys(kept.ports).length === 0 && !kept.pinned) {
    await backend.removeAll();
  } else {
    const host = guardedHost(kept, config.untrustedPorts);
    await backend.applyPort({ host, port, before: guardedPort(known), after: undefined });
  }
  if (backend.bridgeNetfilter) await releaseBridges(rtnetlink, idle);
  await writeRegistry(directory, kept);
}

async function closeLink(rtnetlink: Rtnetlink, name: string): Promise<void> {
  const link = await rtnetlink.link(name);
  if (link === undefined) return;
  await rtnetlink.setLink(link.index, { up: false });
  if (link.master !== undefined && link.master !== 0) await rtnetlink.setLink(link.index, { master: 0 });
}

async function releaseBridges(rtnetlink: Rtnetlink, bridges: Registry['bridges']): Promise<void> {
  for (const [name, { calledIp6tables }] of Object.entries(bridges)) {
    const bridge = await rtnetlink.link(name);
    if (bridge !== undefined) await rtnetlink.setBridge(bridge.index, { nfCallIp6tables: calledIp6tables });
  }
}
