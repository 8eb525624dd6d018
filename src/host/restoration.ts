import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { type BridgeLayer, joinBridge, layerOf } from '../port/bridge-layer.ts';
import type { PortRecord, Registry } from '../port/registry.ts';
import { type AttachedLink, layerProblems } from './inspection.ts';

/** What has to be done to put something right. */
export interface Restoration {
  /** What was wrong, and is done, in words. */
  readonly text: string;
  /** Whether it lets frames in from a port that was closed: the filter has to be right before. */
  readonly opens: boolean;
  readonly apply: () => Promise<void>;
}

export interface AttachedPort {
  readonly rtnetlink: Rtnetlink;
  readonly registry: Registry;
  readonly port: string;
  /** The index that its link had when it was seen on its bridge. */
  readonly index: number;
}

/** What a port that was attached lacks of its name, its bridge, or the bridge's settings; undefined when nothing. */
export async function restorationOf(attached: AttachedPort): Promise<Restoration | undefined> {
  const { rtnetlink, registry, port, index } = attached;
  const record = registry.ports.get(port);
  if (record === undefined) return undefined;
  const link = await rtnetlink.link(port);
  if (link === undefined) return await renaming(attached, record);
  const bridge = await rtnetlink.link(record.bridge);
  // Another device, which waits for its own event; or nothing to be put on.
  if (link.index !== index || bridge?.kind !== 'bridge') return undefined;
  return link.master === bridge.index
    ? await layering(attached, record, { link, bridge })
    : joining(attached, record, link, bridge);
}

const isUp = ({ policy }: PortRecord) => policy.mode !== 'disabled';

/** Rules know ports by name. */
async function renaming(
  { rtnetlink, registry, port, index }: AttachedPort,
  record: PortRecord,
): Promise<Restoration | undefined> {
  const link = (await rtnetlink.links()).find((other) => other.index === index);
  if (link === undefined || registry.ports.has(link.name)) return undefined;
  return {
    text: `${port}: was renamed to ${link.name}; has its name again`,
    opens: true,
    apply: async () => {
      await rtnetlink.setLink(index, { up: false });
      await rtnetlink.setLink(index, { name: port });
      await rtnetlink.setLink(index, { up: isUp(record) });
    },
  };
}

function joining(
  { rtnetlink, registry, port, index }: AttachedPort,
  record: PortRecord,
  link: Link,
  bridge: Link,
): Restoration {
  const isElsewhere = link.master !== undefined && link.master !== 0;
  return {
    text: `${port}: was taken off ${record.bridge}; is on it again`,
    opens: true,
    apply: async () => {
      await rtnetlink.setLink(index, { up: false });
      if (isElsewhere) await rtnetlink.setLink(index, { master: 0 });
      const layer = layerOf(registry, record);
      await joinBridge(rtnetlink, {
        port: { index, name: port, joined: false },
        bridge,
        layer,
      });
      await rtnetlink.setLink(index, { up: isUp(record) });
    },
  };
}

async function layering(
  { rtnetlink, registry, index }: AttachedPort,
  record: PortRecord,
  { link, bridge }: Pick<AttachedLink, 'link' | 'bridge'>,
): Promise<Restoration | undefined> {
  const vlans = bridge.bridge?.vlanFiltering === true ? await rtnetlink.vlans(index) : [];
  const attached = { link, bridge, fdb: await rtnetlink.fdb({ port: index }), vlans };
  return layerRestoration(rtnetlink, attached, layerOf(registry, record));
}

/** What the bridge's settings, VLANs and forwarding entries of a port on its bridge lack; undefined when nothing. */
export function layerRestoration(
  rtnetlink: Rtnetlink,
  attached: AttachedLink,
  layer: BridgeLayer,
): Restoration | undefined {
  const problems = layerProblems(attached, layer);
  if (problems.length === 0) return undefined;
  const { index, name } = attached.link;
  return {
    text: `${name}: ${problems.join('; ')}; restored`,
    opens: false,
    apply: async () => {
      // It may have begun to filter VLANs since.
      const bridge = (await rtnetlink.link(attached.bridge.name)) ?? attached.bridge;
      await joinBridge(rtnetlink, { port: { index, name, joined: true }, bridge, layer });
    },
  };
}
