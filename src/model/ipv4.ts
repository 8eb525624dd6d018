import { type Octets, readBits, readU8, readU16 } from './octets.ts';
import { parseUpperLayer, type UpperLayer } from './upper-layer.ts';

/** An IPv4 header (RFC 791) as a bridge reads it. */
export interface Ipv4 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly protocol: number;
  /** Absent in later fragments, and when the packet is too short for it. */
  readonly upper: UpperLayer | undefined;
}

const FRAGMENT_OFFSET = 0x1fff;

/**
 * Undefined when it is too short. Version, header length, total length and checksum are believed, as
 * ebt_ip.c believes them: a header that is wrong in these is no packet to any receiver.
 */
export function parseIpv4(packet: Octets): Ipv4 | undefined {
  const versionAndLength = readU8(packet, 0);
  const fragment = readU16(packet, 6);
  const protocol = readU8(packet, 9);
  const source = readBits(packet, 12, 4);
  const destination = readBits(packet, 16, 4);
  if (
    versionAndLength === undefined ||
    fragment === undefined ||
    protocol === undefined ||
    source === undefined ||
    destination === undefined
  ) {
    return undefined;
  }
  const isLater = (fragment & FRAGMENT_OFFSET) !== 0;
  const upper = isLater ? undefined : parseUpperLayer(packet, (versionAndLength & 15) * 4);
  return { source, destination, protocol, upper };
}
