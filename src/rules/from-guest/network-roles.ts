import { parsePrefix } from '../../address/ip.ts';
import type { GuardPolicy, Role } from '../../policy/guard-policy.ts';
import { ICMPV6, only, PROTOCOL } from '../protocols.ts';
import type { Reason } from '../reason.ts';
import { drop, type Match, pass, type Range, type Rule, type Stage } from '../rule.ts';

/** A class of messages that speak for the network, and the roles that may send it. */
interface Restricted {
  readonly reason: Reason;
  readonly roles: readonly Role[];
  readonly messages: readonly Match[];
}

const udpFrom = (port: number): Match => ({ protocol: PROTOCOL.udp, sourcePort: only(port) });
const udpTo = (port: number): Match => ({ protocol: PROTOCOL.udp, destinationPort: only(port) });
const protocols = (...numbers: number[]): readonly Match[] => numbers.map((protocol) => ({ protocol }));
const icmpv6 = (...types: number[]): readonly Match[] =>
  types.map((type) => ({ protocol: PROTOCOL.icmpv6, type: only(type) }));

/** GGP, EGP, IGRP, EIGRP, OSPF, PIM, IS-IS over IPv4 (IANA protocol numbers). */
const ROUTING_PROTOCOLS = protocols(3, 8, 9, 88, 89, 103, 124);
/** LDP and OLSR hellos; Babel, which is spoken from its port only (RFC 8966 section 4). */
const ROUTING_PORTS: readonly Match[] = [...[646, 698].map(udpTo), { ...udpFrom(6696), ...udpTo(6696) }];

const IPV4: readonly Restricted[] = [
  { reason: 'dhcp-server', roles: ['dhcp-server'], messages: [udpFrom(67), udpTo(68)] },
  { reason: 'redirect', roles: ['router'], messages: [{ protocol: PROTOCOL.icmp, type: only(5) }] },
  { reason: 'router-advert', roles: ['router'], messages: [{ protocol: PROTOCOL.icmp, type: only(9) }] },
  {
    reason: 'routing-protocol',
    roles: ['router'],
    messages: [
      ...ROUTING_PROTOCOLS,
      ...ROUTING_PORTS,
      udpTo(520),
      { protocol: PROTOCOL.ah, destination: parsePrefix('224.0.0.0/24') },
    ],
  },
  { reason: 'first-hop-redundancy', roles: ['vrrp'], messages: protocols(PROTOCOL.vrrp) },
  { reason: 'first-hop-redundancy', roles: ['router'], messages: [udpTo(1985), udpTo(3222)] },
];

const IPV6: readonly Restricted[] = [
  { reason: 'dhcp-server', roles: ['dhcp-server'], messages: [udpFrom(547), udpTo(546)] },
  { reason: 'router-advert', roles: ['router'], messages: icmpv6(ICMPV6.routerAdvertisement) },
  { reason: 'redirect', roles: ['router'], messages: icmpv6(ICMPV6.redirect) },
  { reason: 'multicast-query', roles: ['router'], messages: icmpv6(ICMPV6.mldQuery) },
  // Router renumbering (RFC 2894), certification path advertisement (RFC 3971), MRD (RFC 4286).
  {
    reason: 'router-icmp',
    roles: ['router'],
    messages: icmpv6(ICMPV6.routerRenumbering, 149, 151, 152, 153),
  },
  {
    reason: 'routing-protocol',
    roles: ['router'],
    messages: [...ROUTING_PROTOCOLS, ...ROUTING_PORTS, udpTo(521)],
  },
  { reason: 'first-hop-redundancy', roles: ['vrrp'], messages: protocols(PROTOCOL.vrrp) },
  { reason: 'first-hop-redundancy', roles: ['router'], messages: [udpTo(2029), udpTo(3222)] },
];

/** IGMP that a host sends: v1, v2 and v3 reports and leave (RFC 3376 section 4, RFC 2236). */
const HOST_IGMP = [0x12, 0x16, 0x17, 0x22];

export function networkRolesIpv4(policy: GuardPolicy): Stage<'network-roles'> {
  return stage(policy, [...withheld(policy, IPV4), ...dhcpClient(policy, 67), ...igmp(policy)]);
}

export function networkRolesIpv6(policy: GuardPolicy): Stage<'network-roles'> {
  return stage(policy, [...withheld(policy, IPV6), ...dhcpClient(policy, 547)]);
}

function stage({ roles, dhcp }: GuardPolicy, rules: readonly Rule[]): Stage<'network-roles'> {
  const shared = [...roles.map((role) => role[0]).sort(), ...(dhcp ? ['c'] : [])].join('');
  return { name: 'network-roles', shared: `role-${shared}`, rules, otherwise: 'pass' };
}

function withheld({ roles }: GuardPolicy, classes: readonly Restricted[]): readonly Rule[] {
  return classes
    .filter((restricted) => !restricted.roles.some((role) => roles.includes(role)))
    .flatMap(({ reason, messages }) => messages.map((match) => drop(reason, match)));
}

/** To a server from any port but a server's own, as servers take a client's message from every port. */
function dhcpClient({ dhcp }: GuardPolicy, server: number): readonly Rule[] {
  const ports: readonly Range[] = [
    [0, server - 1],
    [server + 1, 65535],
  ];
  return dhcp ? [] : ports.map((sourcePort) => drop('dhcp-client', { ...udpTo(server), sourcePort }));
}

function igmp({ roles }: GuardPolicy): readonly Rule[] {
  if (roles.includes('router')) return [];
  return [
    ...HOST_IGMP.map((type) => pass({ protocol: PROTOCOL.igmp, type: only(type) })),
    drop('multicast-query', { protocol: PROTOCOL.igmp }),
  ];
}
