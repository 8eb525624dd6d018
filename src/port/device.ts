import type { Link } from '../netlink/link.ts';
import { linkIndexOf } from '../netlink/link-index.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { type PortRecord, type Registry, twinOf } from './registry.ts';

// A port is its device, whatever that is called by now; one that has been made anew under its name is another,
// and waits for its own event. Where an older version has recorded no index, the name tells the device.

/** The index of a port's device; undefined when only the name could tell it, and nothing has it. */
export function indexOf(port: string, { index }: PortRecord): number | undefined {
  return index ?? linkIndexOf(port);
}

/** A port's device; undefined when it is gone. */
export async function deviceOf(
  rtnetlink: Rtnetlink,
  port: string,
  { index }: PortRecord,
): Promise<Link | undefined> {
  return index === undefined ? await rtnetlink.link(port) : await rtnetlink.linkAt(index);
}

/** The same, among the links that were there. */
export function deviceAmong(links: readonly Link[], port: string, { index }: PortRecord): Link | undefined {
  return links.find((link) => (index === undefined ? link.name === port : link.index === index));
}

/** Whether a port is recorded, and its device still there. */
export async function isPresent(rtnetlink: Rtnetlink, { ports }: Registry, port: string): Promise<boolean> {
  const record = ports.get(port);
  return record !== undefined && (await deviceOf(rtnetlink, port, record)) !== undefined;
}

/**
 * The ports whose devices are gone without a word from xl while their vifs are there: a driver in an HVM guest unplugs
 * its emulated network cards, and QEMU takes the taps away (Xen's docs/misc/hvm-emulated-unplug.pandoc).
 */
export function unpluggedTaps(registry: Registry, links: readonly Link[]): ReadonlyMap<string, PortRecord> {
  const isThere = ([port, record]: readonly [string, PortRecord]) =>
    deviceAmong(links, port, record) !== undefined;
  const gone = [...registry.ports].filter((port) => port[1].kind === 'tap' && !isThere(port));
  return new Map(
    gone.filter(([, record]) => {
      const vif = twinOf(registry, record);
      return vif !== undefined && isThere(vif);
    }),
  );
}
