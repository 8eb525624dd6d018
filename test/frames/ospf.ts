import { concat, ip, u8, u16, u32, zeros } from './bytes.ts';
import { checksum, transportChecksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

export const OSPF_GROUP = '224.0.0.5';
export const OSPF_GROUP6 = 'ff02::5';

/** An OSPFv2 hello, RFC 2328 appendix A.3.2. */
export function ospf(routerId: string): TransportLayer {
  const hello = concat(ip('255.255.255.0'), u16(10), u8(2, 1), u32(40), zeros(8));
  const bytes = concat(u8(2, 1), u16(24 + hello.length), ip(routerId), zeros(4), zeros(4), zeros(8), hello);
  return rawTransport(89, withChecksum(bytes, 12, checksum(bytes)));
}

/** An OSPFv3 hello, RFC 5340 appendix A.3.2. */
export function ospfv3(routerId: string): TransportLayer {
  const hello = concat(u32(1), u8(1, 0, 0, 0x13), u16(10, 40), zeros(8));
  const bytes = concat(u8(3, 1), u16(16 + hello.length), ip(routerId), zeros(4), zeros(4), hello);
  return { protocol: 89, bytes: (ends) => withChecksum(bytes, 12, transportChecksum(ends, 89, bytes)) };
}
