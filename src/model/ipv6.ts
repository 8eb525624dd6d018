import { type HeaderChain, walkHeaderChain } from './header-chain.ts';
import { type Octets, readBits, readU8, readU16 } from './octets.ts';
import { parseUpperLayer, type UpperLayer } from './upper-layer.ts';

export const IPV6_HEADER_LENGTH = 40;

/** An IPv6 header (RFC 8200) and what its chain leads to. */
export interface Ipv6 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  /** As ebtables follows it: on into the trailer, where what br_netfilter leaves ends at the payload length. */
  readonly chain: HeaderChain;
  /** Whether there is a Fragment header within the payload length. */
  readonly fragmented: boolean;
  /** Absent in later fragments, behind an incomplete chain, and when the packet is too short for it. */
  readonly upper: UpperLayer | undefined;
  /** From the IPv6 header on. */
  readonly packet: Octets;
}

/** Undefined when it is too short. */
export function parseIpv6(packet: Octets): Ipv6 | undefined {
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
  const chain = walkHeaderChain(packet, nextHeader, IPV6_HEADER_LENGTH);
  const upper = chain.end === 'upper-layer' ? parseUpperLayer(packet, chain.offset) : undefined;
  const whole = packet.subarray(0, IPV6_HEADER_LENGTH + payloadLength);
  const { fragmented } = walkHeaderChain(whole, nextHeader, IPV6_HEADER_LENGTH);
  return { source, destination, payloadLength, nextHeader, hopLimit, chain, fragmented, upper, packet };
}
