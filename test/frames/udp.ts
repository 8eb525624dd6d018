import { type Bytes, concat, u16, zeros } from './bytes.ts';
import { transportChecksum, withChecksum } from './checksum.ts';
import type { TransportLayer } from './layer.ts';

export interface UdpHeader {
  readonly srcPort: number;
  readonly dstPort: number;
  /** Instead of the right one. */
  readonly length?: number;
  /** Instead of the right one; 0 is "none" in IPv4. */
  readonly checksum?: number;
}

/** RFC 768. */
export function udp(header: UdpHeader, data: Bytes = zeros(0)): TransportLayer {
  const bytes = concat(u16(header.srcPort, header.dstPort, header.length ?? 8 + data.length, 0), data);
  return {
    protocol: 17,
    bytes: (ends) =>
      withChecksum(bytes, 6, header.checksum ?? (transportChecksum(ends, 17, bytes) || 0xffff)),
  };
}
