import { u16, zeros } from './bytes.ts';
import { icmpv6 } from './icmpv6.ts';
import { igmp } from './igmp.ts';
import type { TransportLayer } from './layer.ts';

/** Multicast router advertisement over IGMP, RFC 4286. */
export function mrdAdvertisement4(): TransportLayer {
  return igmp(0x30, 20, u16(125, 2));
}

export function mrdTermination4(): TransportLayer {
  return igmp(0x32, 0, zeros(0));
}

/** Multicast router advertisement over ICMPv6, RFC 4286. */
export function mrdAdvertisement6(): TransportLayer {
  return icmpv6({ type: 151, code: 20 }, u16(125, 2));
}

export function mrdTermination6(): TransportLayer {
  return icmpv6({ type: 153 }, zeros(0));
}
