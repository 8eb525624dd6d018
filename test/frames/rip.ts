import { concat, ip, u8, u16, u32, zeros } from './bytes.ts';
import type { TransportLayer } from './layer.ts';
import { udp } from './udp.ts';

export const RIP_GROUP = '224.0.0.9';
export const RIPNG_GROUP = 'ff02::9';

/** A RIPv2 response that announces the default route, RFC 2453. */
export function rip(): TransportLayer {
  const route = concat(u16(2, 0), zeros(12), u32(1));
  return udp({ srcPort: 520, dstPort: 520 }, concat(u8(2, 2, 0, 0), route));
}

/** A RIPng response that announces the default route, RFC 2080. */
export function ripng(): TransportLayer {
  return udp({ srcPort: 521, dstPort: 521 }, concat(u8(2, 1, 0, 0), ip('::'), u16(0), u8(0, 1)));
}
