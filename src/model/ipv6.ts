import { type HeaderChain, walkHeaderChain } from './header-chain.ts';
import { type Octets, readBits, readU8, readU16 } from './octets.ts';
import type { Reading } from './reading.ts';
import { parseUpperLayer, type UpperLayer } from './upper-layer.ts';

export const IPV6_HEADER_LENGTH = 40;

/** An IPv6 header (RFC 8200) and what its chain leads to. */
export interface Ipv6 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  /** As far as this reading follows it, which may be into the trailer. */
  readonly chain: HeaderChain;
  /** Whether there is a Fragment header; where br_netfilter cuts off the trailer, within the payload length. */
  readonly fragmented: boolean;
  /** Absent in later fragments, behind an incomplete chain, and when the packet is too short for it. */
  readonly upper: UpperLayer | undefined;
  /** From the IPv6 header on. */
  readonly packet: Octets;
}

/** Undefined when it is too short. */
export function parseIpv6(packet: Octets, reading: Reading): Ipv6 | undefined {
  const payloadLength = readU16(packet, 4);
  const nextHeader = readU8(packet, 6);
  const hopLimit = readU8(packet, 7);
  const source = readBits(packet, 8, 16);
  const destination = readBits(packet, 24, 16);
  if (
    payloadLength === undefined ||
    nextHeader === undefined ||
    hopLimit === undefined ||
    source === undefined ||
    destination === undefined
  ) {
    return undefined;
  }
  const chain = inSight(walkHeaderChain(packet, nextHeader, IPV6_HEADER_LENGTH), packet, reading);
  const upper = chain.end === 'upper-layer' ? parseUpperLayer(packet, chain.offset) : undefined;
  const end = reading.bridgeNetfilter ? IPV6_HEADER_LENGTH + payloadLength : packet.length;
  const { fragment } = walkHeaderChain(packet.subarray(0, end), nextHeader, IPV6_HEADER_LENGTH);
  const header = { source, destination, payloadLength, nextHeader, hopLimit };
  return { ...header, chain, fragmented: fragment !== undefined, upper, packet };
}

/** The chain; incomplete where this reading does not follow it to its end. */
function inSight(
  chain: HeaderChain,
  packet: Octets,
  { checksHeaders, looksBehindAuthentication }: Reading,
): HeaderChain {
  const hidden =
    chain.end === 'upper-layer'
      ? (checksHeaders && isMalformed(packet)) || (chain.authenticated && !looksBehindAuthentication)
      : checksHeaders && !isVersion6(packet);
  return hidden ? { ...chain, end: 'incomplete' } : chain;
}

/** nft_set_pktinfo_ipv6_validate in include/net/netfilter/nf_tables_ipv6.h. */
function isMalformed(packet: Octets): boolean {
  return !isVersion6(packet) || IPV6_HEADER_LENGTH + (readU16(packet, 4) ?? 0) > packet.length;
}

function isVersion6(packet: Octets): boolean {
  return (readU8(packet, 0) ?? 0) >> 4 === 6;
}
