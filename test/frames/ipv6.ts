import { type Bytes, concat, ip, u8, u16, u32, zeros } from './bytes.ts';
import type { NetworkLayer, TransportLayer } from './layer.ts';

/** One link of the header chain: its own protocol number, and its octets once the next one is known. */
export interface ExtensionHeader {
  readonly protocol: number;
  bytes(nextHeader: number): Bytes;
}

export interface Ipv6Header {
  readonly src: string;
  readonly dst: string;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** In the order of the chain. */
  readonly extensions?: readonly ExtensionHeader[];
  /** The following replace what is right. */
  readonly version?: number;
  readonly payloadLength?: number;
  readonly nextHeader?: number;
}

/** RFC 8200. */
export function ipv6(header: Ipv6Header, payload: TransportLayer): NetworkLayer {
  const upper = { protocol: payload.protocol, bytes: payload.bytes(header) };
  const chain = (header.extensions ?? []).reduceRight(
    (inner, extension) => ({
      protocol: extension.protocol,
      bytes: concat(extension.bytes(inner.protocol), inner.bytes),
    }),
    upper,
  );
  const bytes = concat(
    u32(((header.version ?? 6) << 28) | ((header.trafficClass ?? 0) << 20) | (header.flowLabel ?? 0)),
    u16(header.payloadLength ?? chain.bytes.length),
    u8(header.nextHeader ?? chain.protocol, header.hopLimit ?? 64),
    ip(header.src),
    ip(header.dst),
    chain.bytes,
  );
  return { etherType: 0x86dd, bytes };
}

/** Hop-by-hop options, RFC 8200 section 4.3; without options, six octets of padding. */
export function hopByHop(...options: readonly Bytes[]): ExtensionHeader {
  return { protocol: 0, bytes: (next) => optionsHeader(next, options) };
}

/** Destination options, RFC 8200 section 4.6. */
export function destinationOptions(...options: readonly Bytes[]): ExtensionHeader {
  return { protocol: 60, bytes: (next) => optionsHeader(next, options) };
}

function optionsHeader(next: number, options: readonly Bytes[]): Bytes {
  const content = concat(...options);
  const missing = (8 - ((content.length + 2) % 8)) % 8 || (content.length === 0 ? 8 : 0);
  const body = concat(content, padding(missing));
  return concat(u8(next, (body.length + 2) / 8 - 1), body);
}

/** Pad1 or PadN, RFC 8200 section 4.2. */
function padding(length: number): Bytes {
  return length < 2 ? zeros(length) : concat(u8(1, length - 2), zeros(length - 2));
}

/** The hop-by-hop option that MLD carries, RFC 2711. */
export const IPV6_ROUTER_ALERT = u8(5, 2, 0, 0);

export interface Routing {
  readonly type: number;
  readonly segmentsLeft: number;
  readonly addresses?: readonly string[];
}

/** A routing header, RFC 8200 section 4.4; type 0 is RFC 5095's deprecated one. */
export function routing({ type, segmentsLeft, addresses = [] }: Routing): ExtensionHeader {
  const head = (next: number) => concat(u8(next, addresses.length * 2, type, segmentsLeft), zeros(4));
  return { protocol: 43, bytes: (next) => concat(head(next), ...addresses.map(ip)) };
}

export interface Fragment {
  /** In units of eight octets. */
  readonly offset: number;
  readonly more: boolean;
  readonly id: number;
}

/** A fragment header, RFC 8200 section 4.5; offset 0 without `more` is an atomic fragment (RFC 6946). */
export function fragment({ offset, more, id }: Fragment): ExtensionHeader {
  const place = (offset << 3) | (more ? 1 : 0);
  return { protocol: 44, bytes: (next) => concat(u8(next, 0), u16(place), u32(id)) };
}

/** An authentication header with 12 octets of nothing as integrity value, RFC 4302. */
export function authentication(spi: number): ExtensionHeader {
  return { protocol: 51, bytes: (next) => concat(u8(next, 4, 0, 0), u32(spi, 1), zeros(12)) };
}

/**
 * The packet in fragments that carry `size` octets each, a multiple of eight. The header's extensions
 * stay unfragmented in front; `fragmented` ones are cut up with the payload.
 */
export function ipv6Fragments(
  header: Ipv6Header,
  payload: TransportLayer,
  { id, size, fragmented = [] }: { id: number; size: number; fragmented?: readonly ExtensionHeader[] },
): NetworkLayer[] {
  const whole = ipv6({ ...header, extensions: fragmented }, payload).bytes.subarray(40);
  const first = fragmented[0]?.protocol ?? payload.protocol;
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) => {
    const part = whole.subarray(index * size, (index + 1) * size);
    const place = fragment({ offset: (index * size) / 8, more: (index + 1) * size < whole.length, id });
    const extensions = [...(header.extensions ?? []), place];
    return ipv6({ ...header, extensions }, { protocol: first, bytes: () => part });
  });
}
