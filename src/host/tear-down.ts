import { loadBackend } from '../backends/load.ts';
import { loadHostConfigLeniently } from '../config/host-config.ts';
import { VifguardError } from '../errors.ts';
import type { Link } from '../netlink/link.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import { callsIp6tables, releaseBridges, removeAllRules } from '../port/detach.ts';
import { deviceAmong } from '../port/device.ts';
import { withLock } from '../port/lock.ts';
import {
  backendOf,
  backendsOf,
  EMPTY_REGISTRY,
  ownerLabel,
  type Registry,
  readRegistry,
  stateDirectory,
} from '../port/registry.ts';
import { writeRegistry } from '../port/write-registry.ts';
import { LOCK_OPTIONS, requireRoot } from './host-state.ts';

/**
 * Takes everything of vifguard's out of the kernel. False when there was nothing.
 *
 * @throws VifguardError with a guarded port attached, which would be left open; when the kernel refuses.
 */
export async function tearDownHost(): Promise<boolean> {
  requireRoot();
  const directory = stateDirectory();
  return await withLock(`${directory}/lock`, LOCK_OPTIONS, async () => {
    const known = readRegistry(directory);
    const registry = { ...known, backend: backendOf(known, loadHostConfigLeniently().backend) };
    const backends = await Promise.all(backendsOf(registry).map(loadBackend));
    const left = (await Promise.all(backends.map((backend) => backend.drift(undefined)))).flat();
    const held = new Set((await Promise.all(backends.map((backend) => backend.ports()))).flat());
    const rtnetlink = await openRtnetlink();
    try {
      refuseAttached(registry, held, await rtnetlink.links());
      await removeAllRules(registry, directory);
      if (await callsIp6tables(registry)) await releaseBridges(rtnetlink, registry.bridges);
    } finally {
      await rtnetlink.close();
    }
    writeRegistry(directory, EMPTY_REGISTRY);
    return left.length > 0 || registry.pinned;
  });
}

/** @param held ports that there are rules for; one without a record is on a bridge, or nobody's. */
function refuseAttached({ ports }: Registry, held: ReadonlySet<string>, links: readonly Link[]): void {
  const owners = new Map(
    [...ports].map(([port, record]) => [deviceAmong(links, port, record), ownerLabel(port, record)]),
  );
  const labels = links.flatMap((link) => {
    const isHeld = link.master !== undefined && held.has(link.name);
    return owners.get(link) ?? (isHeld ? link.name : []);
  });
  if (labels.length === 0) return;
  throw new VifguardError(
    `these ports are guarded and would be left open: ${labels.join(', ')}; shut their guests down first`,
  );
}
