import { type Bytes, concat, ip, padTo, u8, u16, zeros } from './bytes.ts';
import { checksum, withChecksum } from './checksum.ts';
import { type NetworkLayer, rawTransport, type TransportLayer } from './layer.ts';

export interface Ipv4Header {
  readonly src: string;
  readonly dst: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of eight octets. */
  readonly fragmentOffset?: number;
  /** Padded to a multiple of four octets. */
  readonly options?: Bytes;
  /** The following replace what is right. */
  readonly version?: number;
  readonly ihl?: number;
  readonly totalLength?: number;
  readonly protocol?: number;
  readonly checksum?: number;
}

/** RFC 791. */
export function ipv4(header: Ipv4Header, payload: TransportLayer): NetworkLayer {
  const body = payload.bytes(header);
  const options = padTo(4, header.options ?? zeros(0));
  const length = 20 + options.length;
  const flags = (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0);
  const head = concat(
    u8(((header.version ?? 4) << 4) | (header.ihl ?? length / 4), header.tos ?? 0),
    u16(header.totalLength ?? length + body.length, header.id ?? 0, flags | (header.fragmentOffset ?? 0)),
    u8(header.ttl ?? 64, header.protocol ?? payload.protocol),
    zeros(2),
    ip(header.src),
    ip(header.dst),
    options,
  );
  return {
    etherType: 0x0800,
    bytes: concat(withChecksum(head, 10, header.checksum ?? checksum(head)), body),
  };
}

/** The packet in fragments that carry `size` octets each, a multiple of eight. */
export function ipv4Fragments(header: Ipv4Header, payload: TransportLayer, size: number): NetworkLayer[] {
  const body = payload.bytes(header);
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) => {
    const part = body.subarray(index * size, (index + 1) * size);
    const moreFragments = (index + 1) * size < body.length;
    const place = { moreFragments, fragmentOffset: (index * size) / 8 };
    return ipv4({ ...header, ...place }, rawTransport(payload.protocol, part));
  });
}

/** The option that makes every router look at the packet, RFC 2113; IGMP carries it. */
export const IPV4_ROUTER_ALERT = u8(0x94, 4, 0, 0);
