import { ascii, type Bytes, concat, mac, u8, u16 } from './bytes.ts';
import type { NetworkLayer } from './layer.ts';

export const LLDP_GROUP = '01:80:c2:00:00:0e';

/** The shortest LLDP data unit, IEEE 802.1AB: chassis, port, time to live, a system name, end. */
export function lldp(chassis: string, systemName: string): NetworkLayer {
  const bytes = concat(
    tlv(1, concat(u8(4), mac(chassis))),
    tlv(2, concat(u8(5), ascii('eth0'))),
    tlv(3, u16(120)),
    tlv(5, ascii(systemName)),
    u16(0),
  );
  return { etherType: 0x88cc, bytes };
}

function tlv(type: number, value: Bytes): Bytes {
  return concat(u16((type << 9) | value.length), value);
}
