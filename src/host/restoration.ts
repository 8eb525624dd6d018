import type { HostConfig } from '../config/host-config.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { type BridgeLayer, joinBridge, KEPT_OUT, layerOf } from '../port/bridge-layer.ts';
import { close } from '../port/detach.ts';
import { deviceOf } from '../port/device.ts';
import { type PortRecord, type Registry, twinOf } from '../port/registry.ts';
import { type AttachedLink, layerProblems } from './inspection.ts';

/** What has to be done to put something right. */
export interface Restoration {
  /** What was wrong, and is done, in words. */
  readonly text: string;
  /** Whether it lets frames in from a port that was closed: the filter has to be right before. */
  readonly opens: boolean;
  readonly apply: () => Promise<void>;
}

interface Host {
  readonly rtnetlink: Rtnetlink;
  readonly registry: Registry;
  readonly config: Pick<HostConfig, 'untrustedPorts'>;
  /** See stateDirectory. */
  readonly directory: string;
}

/** What is recorded of a port, and its device. */
export interface RecordedPort {
  readonly port: string;
  readonly record: PortRecord;
  readonly link: Link;
}

type BridgedPort = RecordedPort & { readonly bridge: Link };

/**
 * What a port that was attached lacks of its name, its bridge, or the bridge's settings, or that it has been unplugged;
 * undefined when nothing.
 */
export async function restorationOf(host: Host, port: string): Promise<Restoration | undefined> {
  const { rtnetlink, registry } = host;
  const record = registry.ports.get(port);
  if (record === undefined) return undefined;
  const link = await deviceOf(rtnetlink, port, record);
  if (link === undefined) return await unpluggingOf(host, port, record);
  const bridge = await rtnetlink.link(record.bridge);
  const isOnIt = bridge !== undefined && link.master === bridge.index;
  // It has never been on its bridge, and waits for its event.
  if (!isOnIt && link.group !== KEPT_OUT.group) return undefined;
  const recorded = { port, record, link };
  const renaming = await renamingOf(rtnetlink, recorded);
  if (renaming !== undefined) return renaming;
  if (bridge?.kind !== 'bridge') return undefined;
  return isOnIt
    ? await layering(rtnetlink, { ...recorded, bridge }, layerOf(registry, record))
    : joining(rtnetlink, { ...recorded, bridge }, layerOf(registry, record));
}

/** Takes away what is left of a tap that its guest has unplugged, for the vif to be held to its MAC by the bridge again. */
export async function unpluggingOf(
  { rtnetlink, registry, config, directory }: Host,
  port: string,
  record: PortRecord,
): Promise<Restoration | undefined> {
  const twin = twinOf(registry, record);
  if (record.kind !== 'tap' || twin === undefined) return undefined;
  const [vif, { policy }] = twin;
  // The taps of guests that end go, too; who unplugs one has its vif connected.
  if ((await deviceOf(rtnetlink, ...twin))?.lowerUp !== true) return undefined;
  return {
    text: `${port}: was unplugged; ${vif} has ${policy.mac} to itself`,
    opens: false,
    apply: () => close({ rtnetlink, config, directory, port }),
  };
}

const isUp = ({ policy }: PortRecord) => policy.mode !== 'disabled';

/** People and other programs know ports by name, and so do the rules of xtables; undefined when it cannot have its own. */
export async function renamingOf(
  rtnetlink: Rtnetlink,
  { port, record, link }: RecordedPort,
): Promise<Restoration | undefined> {
  const { index, name } = link;
  if (name === port || (await rtnetlink.link(port)) !== undefined) return undefined;
  return {
    text: `${port}: was renamed to ${name}; has its name again`,
    opens: true,
    apply: async () => {
      await rtnetlink.setLink(index, { up: false });
      await rtnetlink.setLink(index, { name: port });
      await rtnetlink.setLink(index, { up: isUp(record) });
    },
  };
}

function joining(
  rtnetlink: Rtnetlink,
  { port, record, link, bridge }: BridgedPort,
  layer: BridgeLayer,
): Restoration {
  const { index } = link;
  const isElsewhere = link.master !== undefined && link.master !== 0;
  return {
    text: `${port}: was taken off ${record.bridge}; is on it again`,
    opens: true,
    apply: async () => {
      await rtnetlink.setLink(index, { up: false });
      if (isElsewhere) await rtnetlink.setLink(index, { master: 0 });
      await joinBridge(rtnetlink, { port: { index, joined: false }, bridge, layer });
      await rtnetlink.setLink(index, { up: isUp(record) });
    },
  };
}

async function layering(
  rtnetlink: Rtnetlink,
  { port, link, bridge }: BridgedPort,
  layer: BridgeLayer,
): Promise<Restoration | undefined> {
  const vlans = bridge.bridge?.vlanFiltering === true ? await rtnetlink.vlans(link.index) : [];
  const fdb = await rtnetlink.fdb({ port: link.index });
  return layerRestoration(rtnetlink, { port, link, bridge, fdb, vlans }, layer);
}

/** What the bridge's settings, VLANs and forwarding entries of a port on its bridge lack; undefined when nothing. */
export function layerRestoration(
  rtnetlink: Rtnetlink,
  attached: AttachedLink & Pick<RecordedPort, 'port'>,
  layer: BridgeLayer,
): Restoration | undefined {
  const problems = layerProblems(attached, layer);
  if (problems.length === 0) return undefined;
  const { index } = attached.link;
  return {
    text: `${attached.port}: ${problems.join('; ')}; restored`,
    opens: false,
    apply: async () => {
      // It may have begun to filter VLANs since.
      const bridge = (await rtnetlink.link(attached.bridge.name)) ?? attached.bridge;
      await joinBridge(rtnetlink, { port: { index, joined: true }, bridge, layer });
    },
  };
}
