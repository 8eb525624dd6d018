import { concat, mac, u8, u16, zeros } from './bytes.ts';
import type { TransportLayer } from './layer.ts';
import { udp } from './udp.ts';

export const GLBP_GROUP = '224.0.0.102';

/** A GLBP packet without elements: version, group and owner. Cisco published no layout beyond that. */
export function glbp(owner: string): TransportLayer {
  return udp({ srcPort: 3222, dstPort: 3222 }, concat(u8(1, 0), u16(1), zeros(2), mac(owner)));
}
