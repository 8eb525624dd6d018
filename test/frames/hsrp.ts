import { ascii, concat, ip, u8 } from './bytes.ts';
import type { TransportLayer } from './layer.ts';
import { udp } from './udp.ts';

export const HSRP_GROUP = '224.0.0.2';

/** An HSRP hello of an active router, RFC 2281. */
export function hsrp(virtualIp: string): TransportLayer {
  const hello = concat(u8(0, 0, 16, 3, 10, 255, 1, 0), ascii('cisco\0\0\0'), ip(virtualIp));
  return udp({ srcPort: 1985, dstPort: 1985 }, hello);
}
