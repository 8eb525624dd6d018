import { type Bytes, concat, u8, u16, zeros } from './bytes.ts';
import { transportChecksum, withChecksum } from './checksum.ts';
import type { TransportLayer } from './layer.ts';

export interface Icmpv6Header {
  readonly type: number;
  readonly code?: number;
  /** Instead of the right one. */
  readonly checksum?: number;
}

/** RFC 4443. */
export function icmpv6(header: Icmpv6Header, body: Bytes): TransportLayer {
  const bytes = concat(u8(header.type, header.code ?? 0), zeros(2), body);
  return {
    protocol: 58,
    bytes: (ends) => withChecksum(bytes, 2, header.checksum ?? transportChecksum(ends, 58, bytes)),
  };
}

export function icmpv6EchoRequest(data: Bytes): TransportLayer {
  return icmpv6({ type: 128 }, concat(u16(1, 1), data));
}

export function icmpv6EchoReply(data: Bytes): TransportLayer {
  return icmpv6({ type: 129 }, concat(u16(1, 1), data));
}

/** Router renumbering, RFC 2894; an empty command. */
export function routerRenumbering(data: Bytes = zeros(0)): TransportLayer {
  return icmpv6({ type: 138 }, concat(zeros(12), data));
}
