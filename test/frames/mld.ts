import { concat, ip, u8, u16, zeros } from './bytes.ts';
import { icmpv6 } from './icmpv6.ts';
import type { TransportLayer } from './layer.ts';

// Real MLD goes behind hopByHop(IPV6_ROUTER_ALERT) with hop limit 1.

/** MLDv1, RFC 2710; `::` is the general query. */
export function mldQuery(group = '::'): TransportLayer {
  return icmpv6({ type: 130 }, concat(u16(10000, 0), ip(group)));
}

export function mldReport(group: string): TransportLayer {
  return icmpv6({ type: 131 }, concat(zeros(4), ip(group)));
}

export function mldDone(group: string): TransportLayer {
  return icmpv6({ type: 132 }, concat(zeros(4), ip(group)));
}

/** MLDv2, RFC 9777 section 5.1. */
export function mldv2Query(group = '::'): TransportLayer {
  return icmpv6({ type: 130 }, concat(u16(10000, 0), ip(group), u8(2, 125), u16(0)));
}

/** MLDv2, RFC 9777 section 5.2: joins the groups (CHANGE_TO_EXCLUDE of nothing). */
export function mldv2Report(...groups: readonly string[]): TransportLayer {
  const records = groups.map((group) => concat(u8(4, 0), u16(0), ip(group)));
  return icmpv6({ type: 143 }, concat(u16(0, groups.length), ...records));
}
