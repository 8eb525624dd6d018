import { loadBridgeNetfilter } from '../backends/bridge-netfilter.ts';
import { loadBackend } from '../backends/load.ts';
import type { BackendName } from '../backends/names.ts';
import type { HostConfig } from '../config/host-config.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { releaseBridges } from '../port/detach.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { type Registry, readRegistry } from '../port/registry.ts';
import { writeRegistry } from '../port/write-registry.ts';

interface Move {
  readonly rtnetlink: Rtnetlink;
  /** See stateDirectory. */
  readonly directory: string;
}

/**
 * Moves all ports to another backend. The new rules are installed before the old ones are removed, so that every
 * frame meets one set or both; if it is cut short, finishMove completes it. The caller holds the lock.
 *
 * @returns what it did, in words.
 * @throws VifguardError when the kernel or its tools refuse the new rules: the old ones are in charge then.
 */
export async function moveBackend(
  to: BackendName,
  { rtnetlink, directory, config }: Move & { readonly config: Pick<HostConfig, 'untrustedPorts'> },
): Promise<string[]> {
  const before = readRegistry(directory);
  const next = await loadBackend(to);
  if (next.bridgeNetfilter) await loadBridgeNetfilter();
  const moving: Registry = { ...before, backend: to, leaving: before.backend };
  writeRegistry(directory, moving);
  try {
    if (next.bridgeNetfilter) await callIp6tables(rtnetlink, moving);
    await next.applyHost(guardedHost(moving, config.untrustedPorts), directory);
  } catch (error) {
    // This may fail for the same cause; the old rules still guard.
    await Promise.allSettled([next.removeAll(directory)]);
    if (next.bridgeNetfilter) await releaseBridges(rtnetlink, before.bridges);
    writeRegistry(directory, before);
    throw error;
  }
  return await finishMove({ rtnetlink, directory });
}

/** Takes away the rules of a backend whose ports have all been moved. @returns what it did, in words. */
export async function finishMove({ rtnetlink, directory }: Move): Promise<string[]> {
  const { leaving, ...registry } = readRegistry(directory);
  if (leaving === undefined) return [];
  const left = await loadBackend(leaving);
  await left.removeAll(directory);
  if (left.bridgeNetfilter) await releaseBridges(rtnetlink, registry.bridges);
  writeRegistry(directory, registry);
  return [`packet filter: moved from ${leaving} to ${registry.backend}`];
}

async function callIp6tables(rtnetlink: Rtnetlink, { bridges }: Registry): Promise<void> {
  for (const name of Object.keys(bridges)) {
    const bridge = await rtnetlink.link(name);
    if (bridge !== undefined) await rtnetlink.setBridge(bridge.index, { nfCallIp6tables: true });
  }
}
