import { PROTOCOL } from '../rules/protocols.ts';

/** Names of message types as frames in words have them, after tcpdump's (IANA). */
export const MESSAGE_TYPES: Readonly<Record<string, ReadonlyMap<string, number>>> = {
  icmp: new Map([
    ['echo-reply', 0],
    ['unreachable', 3],
    ['redirect', 5],
    ['echo-request', 8],
    ['ra', 9],
    ['rs', 10],
    ['time-exceeded', 11],
  ]),
  icmp6: new Map([
    ['unreachable', 1],
    ['too-big', 2],
    ['time-exceeded', 3],
    ['echo-request', 128],
    ['echo-reply', 129],
    ['mld-query', 130],
    ['mld-report', 131],
    ['mld-done', 132],
    ['rs', 133],
    ['ra', 134],
    ['ns', 135],
    ['na', 136],
    ['redirect', 137],
    ['mld2-report', 143],
  ]),
  igmp: new Map([
    ['query', 0x11],
    ['report', 0x16],
    ['leave', 0x17],
    ['v3-report', 0x22],
  ]),
};

/** Protocols whose first octet is a message type, and those that have ports. */
export const TYPED = new Map([
  ['icmp', PROTOCOL.icmp],
  ['icmp6', PROTOCOL.icmpv6],
  ['igmp', PROTOCOL.igmp],
]);
export const PORTED = new Map([
  ['udp', PROTOCOL.udp],
  ['tcp', PROTOCOL.tcp],
]);

/** Other protocols with a name (IANA). */
export const NAMED_PROTOCOLS = new Map([
  ['gre', 47],
  ['esp', 50],
  ['ah', PROTOCOL.ah],
  ['eigrp', 88],
  ['ospf', 89],
  ['pim', 103],
  ['vrrp', PROTOCOL.vrrp],
  ['sctp', 132],
]);

/** The first name of a number. */
export function nameOf(names: ReadonlyMap<string, number> | undefined, number: number): string | undefined {
  return [...(names ?? [])].find(([, value]) => value === number)?.[0];
}
