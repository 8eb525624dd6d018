import { type Bytes, concat, u8, u16, zeros } from './bytes.ts';
import { checksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

export interface IcmpHeader {
  readonly type: number;
  readonly code?: number;
}

/** RFC 792. */
export function icmp({ type, code = 0 }: IcmpHeader, body: Bytes): TransportLayer {
  const bytes = concat(u8(type, code), zeros(2), body);
  return rawTransport(1, withChecksum(bytes, 2, checksum(bytes)));
}

export function icmpEchoRequest(data: Bytes): TransportLayer {
  return icmp({ type: 8 }, concat(u16(1, 1), data));
}

export function icmpEchoReply(data: Bytes): TransportLayer {
  return icmp({ type: 0 }, concat(u16(1, 1), data));
}
