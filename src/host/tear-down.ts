import { xtables } from '../backends/xtables/backend.ts';
import { VifguardError } from '../errors.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import { releaseBridges } from '../port/detach.ts';
import { withLock } from '../port/lock.ts';
import {
  EMPTY_REGISTRY,
  ownerLabel,
  type Registry,
  readRegistry,
  stateDirectory,
  writeRegistry,
} from '../port/registry.ts';
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
    const registry = await readRegistry(directory);
    const left = await xtables.drift(undefined);
    const rtnetlink = await openRtnetlink();
    try {
      const links = await rtnetlink.links();
      const held = links.filter(
        ({ name, master }) => master !== undefined && left.some(({ port }) => port === name),
      );
      const attached = links.filter(({ name }) => Object.hasOwn(registry.ports, name));
      refuseAttached(registry, new Set([...attached, ...held].map(({ name }) => name)));
      await xtables.removeAll();
      await releaseBridges(rtnetlink, registry.bridges);
    } finally {
      await rtnetlink.close();
    }
    await writeRegistry(directory, EMPTY_REGISTRY);
    return left.length > 0 || registry.pinned;
  });
}

function refuseAttached({ ports }: Registry, names: ReadonlySet<string>): void {
  if (names.size === 0) return;
  const labels = [...names].map((name) => {
    const record = ports[name];
    return record === undefined ? name : ownerLabel(name, record);
  });
  throw new VifguardError(
    `these ports are guarded and would be left open: ${labels.join(', ')}; shut their guests down first`,
  );
}
