import { type Octets, readU8, readU16 } from './octets.ts';

/** What a chain of IPv6 extension headers leads to. */
export interface HeaderChain {
  /**
   * `upper-layer`: to the header of a protocol, at `offset`; `later-fragment`: to a fragment that does
   * not hold the rest; `incomplete`: to the packet's end, or to "no next header".
   */
  readonly end: 'upper-layer' | 'later-fragment' | 'incomplete';
  readonly protocol: number;
  readonly offset: number;
  /** Whether there is a Fragment header on the way. */
  readonly fragmented: boolean;
}

/** The headers that the kernel takes for extension headers (ipv6_ext_hdr, net/ipv6/exthdrs_core.c). */
export const HEADER = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  none: 59,
  options: 60,
} as const;
export const EXTENSIONS: ReadonlySet<number> = new Set(Object.values(HEADER));

const FRAGMENT_OFFSET = 0xfff8;

/** Follows the chain as ipv6_skip_exthdr does. Each header has eight octets or more: the walk ends. */
export function walkHeaderChain(packet: Octets, first: number, start: number): HeaderChain {
  let protocol = first;
  let offset = start;
  let fragmented = false;
  while (EXTENSIONS.has(protocol)) {
    const incomplete = { end: 'incomplete', protocol, offset, fragmented } as const;
    const next = readU8(packet, offset);
    const length = readU8(packet, offset + 1);
    if (protocol === HEADER.none || next === undefined || length === undefined) return incomplete;
    if (protocol === HEADER.fragment) {
      fragmented = true;
      if (readU16(packet, offset + 2) === undefined) return { ...incomplete, fragmented };
      if (isLaterFragment(packet, offset)) return { end: 'later-fragment', protocol, offset, fragmented };
    }
    offset += headerLength(protocol, length);
    protocol = next;
  }
  return { end: 'upper-layer', protocol, offset, fragmented };
}

export function isLaterFragment(packet: Octets, offset: number): boolean {
  return ((readU16(packet, offset + 2) ?? 0) & FRAGMENT_OFFSET) !== 0;
}

export function headerLength(protocol: number, length: number): number {
  if (protocol === HEADER.fragment) return 8;
  return protocol === HEADER.authentication ? (length + 2) * 4 : (length + 1) * 8;
}
