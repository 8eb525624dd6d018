import { PROTOCOL } from '../rules/protocols.ts';
import { EXTENSIONS, HEADER, headerLength, isLaterFragment } from './header-chain.ts';
import { IPV6_HEADER_LENGTH, type Ipv6 } from './ipv6.ts';
import { type Octets, readField, readU8 } from './octets.ts';

/** How much of an upper-layer header has to be there: the ports, or all of ICMPv6's (icmp6_match in ip6_tables.c). */
const UPPER_LAYERS = new Map<number, number>([
  [PROTOCOL.tcp, 4],
  [PROTOCOL.udp, 4],
  [PROTOCOL.icmpv6, 8],
]);

const WITH_PORTS: ReadonlySet<number> = new Set([PROTOCOL.tcp, PROTOCOL.udp]);

/**
 * Whether a packet without trailer holds its upper layer, or is a later fragment (RFC 7112), as
 * ipv6_find_hdr and ip6t_frag find it. What an authentication header protects is its receiver's to check.
 */
export function holdsUpperLayer(packet: Octets): boolean {
  let protocol = readU8(packet, 6) ?? HEADER.none;
  let offset = IPV6_HEADER_LENGTH;
  let first = false;
  let authenticated = false;
  const holds = (length: number) => readField(packet, offset, length) !== undefined;
  while (EXTENSIONS.has(protocol)) {
    if (protocol === HEADER.none) return authenticated;
    const next = readU8(packet, offset) ?? HEADER.none;
    // Of a later fragment nft takes the IPv6 header's own octets for ports: no match asks for more of it.
    if (protocol === HEADER.fragment && WITH_PORTS.has(next) && isLaterFragment(packet, offset)) return true;
    if (!holds(shortest(protocol, first))) return authenticated && first;
    if (protocol === HEADER.fragment) {
      // Behind a first Fragment header, nft counts ports from the wrong place, and ip6tables no ICMPv6.
      if (isLaterFragment(packet, offset)) {
        return !first || authenticated || !(EXTENSIONS.has(next) || next === PROTOCOL.icmpv6);
      }
      first = true;
    }
    authenticated ||= protocol === HEADER.authentication;
    offset += headerLength(protocol, readU8(packet, offset + 1) ?? 0);
    protocol = next;
  }
  if (protocol === PROTOCOL.icmpv6 && isShortIcmpv6(packet, offset)) return true;
  const length = UPPER_LAYERS.get(protocol);
  return authenticated || length === undefined || holds(length);
}

/** Ports, or type, code and checksum; and the same behind a Fragment header. */
const SHORTEST_UPPER_LAYER = 4;
const SHORTEST_FIRST_FRAGMENT = 16;

/**
 * The same where trailers are read, as nft can tell it: by the payload length, if the upper layer is right
 * behind the IPv6 header or behind a Fragment header there. Further back, only a fragment is refused, as
 * another one comes in the place of its trailer; of a whole packet the receiver cuts it off.
 */
export function mayHoldUpperLayer({ packet, nextHeader, payloadLength, chain }: Ipv6): boolean {
  if (UPPER_LAYERS.has(nextHeader)) return payloadLength >= SHORTEST_UPPER_LAYER;
  const { fragment } = chain;
  if (fragment === undefined || isLaterFragment(packet, fragment)) return true;
  const next = readU8(packet, fragment) ?? HEADER.none;
  if (EXTENSIONS.has(next)) return false;
  const moreFollow = ((readU8(packet, fragment + 3) ?? 1) & 1) === 1;
  return !moreFollow || (fragment === IPV6_HEADER_LENGTH && payloadLength >= SHORTEST_FIRST_FRAGMENT);
}

/** Multicast router discovery (RFC 4286), behind the IPv6 header alone or with 8 octets of hop-by-hop options. */
function isShortIcmpv6(packet: Octets, offset: number): boolean {
  const hopByHop = offset === IPV6_HEADER_LENGTH + 8 && readU8(packet, 6) === HEADER.hopByHop;
  const present = readField(packet, offset, 4) !== undefined;
  return present && (offset === IPV6_HEADER_LENGTH || hopByHop);
}

function shortest(protocol: number, afterFragment: boolean): number {
  if (protocol === HEADER.fragment) return afterFragment ? 4 : 8;
  return protocol === HEADER.routing ? 4 : 2;
}
