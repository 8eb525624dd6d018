import { type Octets, readField, readU8, readU16 } from './octets.ts';

/** What a chain of IPv6 extension headers leads to. */
export interface HeaderChain {
  /**
   * `upper-layer`: to the header of a protocol, at `offset`; `later-fragment`: to a fragment that does
   * not hold the rest; `incomplete`: to the packet's end, or to "no next header".
   */
  readonly end: 'upper-layer' | 'later-fragment' | 'incomplete';
  /** The protocol of the header at `offset`; for a later fragment, its Next Header. */
  readonly protocol: number;
  readonly offset: number;
  /** Where the first Fragment header on the way is. */
  readonly fragment: number | undefined;
  /** Whether there is an Authentication Header on the way. */
  readonly authenticated: boolean;
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

/** Follows the chain as ipv6_find_hdr does. Each header has eight octets or more: the walk ends. */
export function walkHeaderChain(packet: Octets, first: number, start: number): HeaderChain {
  let protocol = first;
  let offset = start;
  let fragment: number | undefined;
  let authenticated = false;
  while (EXTENSIONS.has(protocol)) {
    const next = readU8(packet, offset);
    const length = readU8(packet, offset + 1);
    const isWhole = readField(packet, offset, shortest(protocol)) !== undefined;
    if (protocol === HEADER.none || next === undefined || length === undefined || !isWhole) {
      return { end: 'incomplete', protocol, offset, fragment, authenticated };
    }
    if (protocol === HEADER.fragment) {
      fragment ??= offset;
      if (isLaterFragment(packet, offset)) {
        return { end: 'later-fragment', protocol: next, offset, fragment, authenticated };
      }
    }
    authenticated ||= protocol === HEADER.authentication;
    offset += headerLength(protocol, length);
    protocol = next;
  }
  return { end: 'upper-layer', protocol, offset, fragment, authenticated };
}

/** How much of an extension header is read. */
function shortest(protocol: number): number {
  return protocol === HEADER.fragment || protocol === HEADER.routing ? 4 : 2;
}

export function isLaterFragment(packet: Octets, offset: number): boolean {
  return ((readU16(packet, offset + 2) ?? 0) & FRAGMENT_OFFSET) !== 0;
}

export function headerLength(protocol: number, length: number): number {
  if (protocol === HEADER.fragment) return 8;
  return protocol === HEADER.authentication ? (length + 2) * 4 : (length + 1) * 8;
}
