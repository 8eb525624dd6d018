import { type IpPrefix, parsePrefix } from '../address/ip.ts';
import type { Match, Range } from './rule.ts';

/** Protocol numbers (IANA) that the rules name. */
export const PROTOCOL = { icmp: 1, igmp: 2, tcp: 6, udp: 17, ah: 51, icmpv6: 58, vrrp: 112 } as const;

/** ICMPv6 types (IANA). */
export const ICMPV6 = {
  mldQuery: 130,
  mldReport: 131,
  mldDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  routerRenumbering: 138,
  mld2Report: 143,
} as const;

export const only = (value: number): Range => [value, value];

/** A DHCP answer behind IPv4 options that look like its UDP header: to all others it has the ports behind them. */
export const DISGUISED_DHCP_ANSWER: Match = { protocol: PROTOCOL.udp, plainDestinationPort: only(68) };

/** Both halves of the port space: together they say "the ports are there". */
export const ANY_PORT: readonly Range[] = [
  [0, 32767],
  [32768, 65535],
];

export const UNSPECIFIED_IPV4 = parsePrefix('0.0.0.0');
export const UNSPECIFIED_IPV6 = parsePrefix('::');
export const LINK_LOCAL_IPV6 = parsePrefix('fe80::/10');
export const MULTICAST_IPV4 = parsePrefix('224.0.0.0/4');
export const MULTICAST_IPV6 = parsePrefix('ff00::/8');
export const BROADCAST_IPV4 = parsePrefix('255.255.255.255');

/**
 * Sources that no host may use, even one that may use any address (RFC 1122 section 3.2.1.3, RFC 4291): to
 * many a server ::ffff:127.0.0.1 is 127.0.0.1.
 */
export const NEVER_A_SOURCE: readonly IpPrefix[] = [
  MULTICAST_IPV4,
  BROADCAST_IPV4,
  parsePrefix('127.0.0.0/8'),
  MULTICAST_IPV6,
  parsePrefix('::1'),
  parsePrefix('::ffff:0:0/96'),
];
