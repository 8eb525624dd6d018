import { type Octets, readBits, readU8, readU16 } from './octets.ts';
import type { Reading } from './reading.ts';
import { parseUpperLayer, type UpperLayer } from './upper-layer.ts';

/** An IPv4 header (RFC 791) as a bridge reads it. */
export interface Ipv4 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly protocol: number;
  /** Read where a header without options would have it; absent in later fragments, and in readings that ignore it. */
  readonly plainDestinationPort: number | undefined;
  /** Absent in later fragments, and when the packet is too short for it. */
  readonly upper: UpperLayer | undefined;
}

const FRAGMENT_OFFSET = 0x1fff;
const SHORTEST_HEADER = 20;
const PLAIN_DESTINATION_PORT = SHORTEST_HEADER + 2;

/**
 * Undefined when it is too short, or malformed in a reading that checks headers. The other reading trusts version
 * and lengths (ebt_ip.c); no receiver accepts a packet that is wrong in these.
 */
export function parseIpv4(packet: Octets, { checksHeaders, findsPlainPorts }: Reading): Ipv4 | undefined {
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
  if (checksHeaders && isMalformed(packet)) return undefined;
  const isLater = (fragment & FRAGMENT_OFFSET) !== 0;
  const upper = isLater ? undefined : parseUpperLayer(packet, (versionAndLength & 15) * 4);
  const plainDestinationPort =
    isLater || !findsPlainPorts ? undefined : readU16(packet, PLAIN_DESTINATION_PORT);
  return { source, destination, protocol, plainDestinationPort, upper };
}

/** nft_set_pktinfo_ipv4_validate in include/net/netfilter/nf_tables_ipv4.h. */
function isMalformed(packet: Octets): boolean {
  const versionAndLength = readU8(packet, 0) ?? 0;
  const headerLength = (versionAndLength & 15) * 4;
  const totalLength = readU16(packet, 2) ?? 0;
  return (
    versionAndLength >> 4 !== 4 ||
    headerLength < SHORTEST_HEADER ||
    totalLength < headerLength ||
    totalLength > packet.length
  );
}
