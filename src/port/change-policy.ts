import { loadBackend } from '../backends/load.ts';
import type { HostConfig } from '../config/host-config.ts';
import { VifguardError } from '../errors.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { joinBridge, layerOf } from './bridge-layer.ts';
import { close } from './detach.ts';
import { deviceOf } from './device.ts';
import { guardedHost } from './guarded-host.ts';
import { type PortRecord, readRegistry, withPort } from './registry.ts';
import { writeRegistry } from './write-registry.ts';

export interface PolicyChange {
  readonly rtnetlink: Rtnetlink;
  readonly config: Pick<HostConfig, 'untrustedPorts'>;
  /** See stateDirectory. */
  readonly directory: string;
  readonly port: string;
  /** The record that the port has, and the one it is to have: on the same bridge. */
  readonly before: PortRecord;
  readonly after: PortRecord;
}

/**
 * Guards a port that is attached by another policy, in the order of an attach: the filter, which changes
 * at once, then the bridge, then the link. The caller holds the lock.
 *
 * @throws what made it fail, once the port has its old guard again; VifguardError when it could not get
 *   that either, and is closed.
 */
export async function changePolicy(change: PolicyChange): Promise<void> {
  const { rtnetlink, config, directory, port, before, after } = change;
  try {
    await guardBy(change);
  } catch (error) {
    try {
      await guardBy({ ...change, before: after, after: before });
    } catch {
      await close({ rtnetlink, config, directory, port });
      const problem = `${port} is closed, as neither its new guard nor its old one can be installed`;
      throw new VifguardError(problem, { cause: error });
    }
    throw error;
  }
}

async function guardBy({ rtnetlink, config, directory, port, before, after }: PolicyChange): Promise<void> {
  const known = withPort(readRegistry(directory), port, before);
  const registry = withPort(known, port, after);
  writeRegistry(directory, registry);
  const backend = await loadBackend(registry.backend);
  await backend.applyPort({
    port,
    before: guardedHost(known, config.untrustedPorts),
    after: guardedHost(registry, config.untrustedPorts),
    directory,
  });
  const link = await deviceOf(rtnetlink, port, after);
  if (link === undefined) return;
  const { index, master } = link;
  const bridge = await rtnetlink.link(after.bridge);
  const isUp = after.policy.mode !== 'disabled';
  // Off its bridge it is closed, or has been taken off: it does not come up there, where dom0 itself would hear it.
  if (bridge === undefined || master !== bridge.index) {
    if (!isUp) await rtnetlink.setLink(index, { up: false });
    return;
  }
  const layer = layerOf(registry, after);
  await joinBridge(rtnetlink, { port: { index, joined: true }, bridge, layer });
  await rtnetlink.setLink(index, { up: isUp });
}
