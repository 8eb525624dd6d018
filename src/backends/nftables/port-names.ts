import { linkNamesOf } from '../../netlink/link-name.ts';
import type { GuardedPorts } from '../backend.ts';

/** Names a port as the registry does, from how nft lists its index: by a device's name, or else as a number. */
export type PortNames = (listed: string) => string;

/** The names that the ports' devices have now, by index. */
export function deviceNames(ports: GuardedPorts): ReadonlyMap<number, string> {
  return linkNamesOf(indexesOf(ports).map(([index]) => index));
}

/**
 * As nft lists them that sees our devices. A device that is none of the ports keeps its name.
 *
 * @param names of the devices, as they were when nft listed them.
 */
export function namesHere(ports: GuardedPorts, names: ReadonlyMap<number, string>): PortNames {
  const indexes = indexesOf(ports);
  const listed = new Map(indexes.map(([index, port]) => [String(index), port]));
  for (const [index, port] of indexes) listed.set(names.get(index) ?? String(index), port);
  return (text) => listed.get(text) ?? (ports.has(text) ? `${text} (another device)` : text);
}

/** As nft lists them in a network namespace with no device but `lo`, whose index is 1. */
export function namesElsewhere(ports: GuardedPorts): PortNames {
  const listed = new Map(indexesOf(ports).map(([index, port]) => [index === 1 ? 'lo' : String(index), port]));
  return (text) => listed.get(text) ?? text;
}

function indexesOf(ports: GuardedPorts): (readonly [number, string])[] {
  return [...ports].flatMap(([port, { index }]) => (index === undefined ? [] : [[index, port] as const]));
}
