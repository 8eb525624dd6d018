import { type Bytes, concat, ip, u8, u16, zeros } from './bytes.ts';
import { checksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

/** Any IGMP message: type, maximum response time, checksum, body. */
export function igmp(type: number, maxResponse: number, body: Bytes): TransportLayer {
  const bytes = concat(u8(type, maxResponse), zeros(2), body);
  return rawTransport(2, withChecksum(bytes, 2, checksum(bytes)));
}

/** IGMPv2, RFC 2236; 0.0.0.0 is the general query. */
export function igmpQuery(group = '0.0.0.0'): TransportLayer {
  return igmp(0x11, 100, ip(group));
}

export function igmpReport(group: string): TransportLayer {
  return igmp(0x16, 0, ip(group));
}

export function igmpLeave(group: string): TransportLayer {
  return igmp(0x17, 0, ip(group));
}

/** IGMPv3, RFC 9776 section 4.1. */
export function igmpv3Query(group = '0.0.0.0'): TransportLayer {
  return igmp(0x11, 100, concat(ip(group), u8(2, 125), u16(0)));
}

/** IGMPv3, RFC 9776 section 4.2: joins the groups (CHANGE_TO_EXCLUDE of nothing). */
export function igmpv3Report(...groups: readonly string[]): TransportLayer {
  const records = groups.map((group) => concat(u8(4, 0), u16(0), ip(group)));
  return igmp(0x22, 0, concat(u16(0, groups.length), ...records));
}

/** DVMRP probe: IGMP type 0x13, a multicast router's hello. */
export function dvmrpProbe(): TransportLayer {
  return igmp(0x13, 1, u8(0, 0x0e, 0xff, 3));
}
