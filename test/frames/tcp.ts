import { type Bytes, concat, u8, u16, u32, zeros } from './bytes.ts';
import { transportChecksum, withChecksum } from './checksum.ts';
import type { TransportLayer } from './layer.ts';

const TCP_SYN = 2;

export interface TcpHeader {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
}

/** RFC 9293, without options; a SYN unless `flags` says otherwise. */
export function tcp(header: TcpHeader, data: Bytes = zeros(0)): TransportLayer {
  const bytes = concat(
    u16(header.srcPort, header.dstPort),
    u32(header.sequence ?? 1, header.acknowledgment ?? 0),
    u8(0x50, header.flags ?? TCP_SYN),
    u16(65535, 0, 0),
    data,
  );
  return { protocol: 6, bytes: (ends) => withChecksum(bytes, 16, transportChecksum(ends, 6, bytes)) };
}
