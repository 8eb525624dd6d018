import { loadBridgeNetfilter } from '../backends/bridge-netfilter.ts';
import { loadBackend } from '../backends/load.ts';
import { loadHostConfig } from '../config/host-config.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import { withLock } from '../port/lock.ts';
import { backendOf, readRegistry, stateDirectory } from '../port/registry.ts';
import { rebuildIndex, writeRegistry } from '../port/write-registry.ts';
import { LOCK_OPTIONS, readGuardState, readHostState, requireRoot } from './host-state.ts';
import { type Inspection, inspect } from './inspection.ts';
import { repair } from './repair.ts';

/** What setting up did, and could not do, in words, and how the host is after it. */
export interface SetUp {
  readonly done: readonly string[];
  readonly inspection: Inspection;
}

/**
 * Makes a host ready before its first guest, and repairs it after: what is as it should be stays
 * untouched, drop counters too.
 *
 * @throws VifguardError when the kernel, its tools or the host config stand in the way.
 */
export async function setUpHost(): Promise<SetUp> {
  requireRoot();
  const config = loadHostConfig();
  const directory = stateDirectory();
  return await withLock(`${directory}/lock`, LOCK_OPTIONS, async () => {
    const registry = readRegistry(directory);
    const backend = backendOf(registry, config.backend);
    const needed = (await loadBackend(backend)).bridgeNetfilter;
    const loaded = needed && (await loadBridgeNetfilter()) ? ['br_netfilter: loaded'] : [];
    writeRegistry(directory, { ...registry, backend, pinned: true });
    rebuildIndex(directory, registry.ports);
    const rtnetlink = await openRtnetlink();
    try {
      const { done, refused } = await repair({ rtnetlink, directory, state: await readGuardState(config) });
      return { done: [...loaded, ...done, ...refused], inspection: inspect(await readHostState(config)) };
    } finally {
      await rtnetlink.close();
    }
  });
}
