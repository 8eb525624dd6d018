import { parsePrefix } from '../../address/ip.ts';
import type { GuardPolicy, Role } from '../../policy/guard-policy.ts';
import { DISGUISED_DHCP_ANSWER, ICMPV6, only, PROTOCOL } from '../protocols.ts';
import type { Reason } from '../reason.ts';
import { drop, type Match, pass, type Range, type Rule, type Stage } from '../rule.ts';

/** What a policy may grant: a role, or to be a DHCP client. */
export type Grant = Role | 'dhcp';

/** A rule that is for guests without the grant. */
export interface Restriction {
  readonly liftedBy: Grant;
  readonly rule: Rule;
}

/** A class of messages that speak for the network, and the role that may send it. */
interface Restricted {
  readonly reason: Reason;
  readonly role: Role;
  readonly messages: readonly Match[];
}

const udpFrom = (port: number): Match => ({ protocol: PROTOCOL.udp, sourcePort: only(port) });
const udpTo = (port: number): Match => ({ protocol: PROTOCOL.udp, destinationPort: only(port) });
const protocols = (...numbers: number[]): readonly Match[] => numbers.map((protocol) => ({ protocol }));
const icmpv6 = (...types: number[]): readonly Match[] =>
  types.map((type) => ({ protocol: PROTOCOL.icmpv6, type: only(type) }));

/** GGP, EGP, IGRP, EIGRP, OSPF, PIM, IS-IS over IPv4, MANET (IANA protocol numbers). */
const ROUTING_PROTOCOLS = protocols(3, 8, 9, 88, 89, 103, 124, 138);
/**
 * MANET (OLSRv2, RFC 5498), LDP, AODV, OLSR and RIFT's link information (RFC 9692); Babel, which is spoken
 * from its port only (RFC 8966 section 4).
 */
const ROUTING_PORTS: readonly Match[] = [
  ...[269, 646, 654, 698, 914].map(udpTo),
  { ...udpFrom(6696), ...udpTo(6696) },
];

const IPV4: readonly Restricted[] = [
  {
    reason: 'dhcp-server',
    role: 'dhcp-server',
    messages: [udpFrom(67), udpTo(68), DISGUISED_DHCP_ANSWER],
  },
  { reason: 'redirect', role: 'router', messages: [{ protocol: PROTOCOL.icmp, type: only(5) }] },
  { reason: 'router-advert', role: 'router', messages: [{ protocol: PROTOCOL.icmp, type: only(9) }] },
  {
    reason: 'routing-protocol',
    role: 'router',
    messages: [
      ...ROUTING_PROTOCOLS,
      ...ROUTING_PORTS,
      udpTo(520),
      { protocol: PROTOCOL.ah, destination: parsePrefix('224.0.0.0/24') },
    ],
  },
  { reason: 'first-hop-redundancy', role: 'vrrp', messages: protocols(PROTOCOL.vrrp) },
  { reason: 'first-hop-redundancy', role: 'router', messages: [udpTo(1985), udpTo(3222)] },
];

const IPV6: readonly Restricted[] = [
  { reason: 'dhcp-server', role: 'dhcp-server', messages: [udpFrom(547), udpTo(546)] },
  { reason: 'router-advert', role: 'router', messages: icmpv6(ICMPV6.routerAdvertisement) },
  { reason: 'redirect', role: 'router', messages: icmpv6(ICMPV6.redirect) },
  { reason: 'multicast-query', role: 'router', messages: icmpv6(ICMPV6.mldQuery) },
  // Router renumbering (RFC 2894), certification path advertisement (RFC 3971), MRD (RFC 4286).
  {
    reason: 'router-icmp',
    role: 'router',
    messages: icmpv6(ICMPV6.routerRenumbering, 149, 151, 152, 153),
  },
  {
    reason: 'routing-protocol',
    role: 'router',
    messages: [...ROUTING_PROTOCOLS, ...ROUTING_PORTS, udpTo(521)],
  },
  { reason: 'first-hop-redundancy', role: 'vrrp', messages: protocols(PROTOCOL.vrrp) },
  { reason: 'first-hop-redundancy', role: 'router', messages: [udpTo(2029), udpTo(3222)] },
];

/** IGMP that a host sends: v1, v2 and v3 reports and leave (RFC 3376 section 4, RFC 2236). */
const HOST_IGMP = [0x12, 0x16, 0x17, 0x22];

/** All that the stage drops, in its order. */
export const RESTRICTIONS_IPV4: readonly Restriction[] = [...withheld(IPV4), ...dhcpClient(67), ...igmp()];
export const RESTRICTIONS_IPV6: readonly Restriction[] = [...withheld(IPV6), ...dhcpClient(547)];

export function networkRolesIpv4(policy: GuardPolicy): Stage<'network-roles'> {
  return stage(restrictionsOn(policy, RESTRICTIONS_IPV4));
}

export function networkRolesIpv6(policy: GuardPolicy): Stage<'network-roles'> {
  // The first fragment decides about later ones.
  return stage([pass({ protocol: 'later-fragment' }), ...restrictionsOn(policy, RESTRICTIONS_IPV6)]);
}

/** Those grants of a policy that lift restrictions. */
export function grantsOf({ roles, dhcp }: Pick<GuardPolicy, 'roles' | 'dhcp'>): readonly Grant[] {
  return [...roles, ...(dhcp ? (['dhcp'] as const) : [])];
}

function stage(rules: readonly Rule[]): Stage<'network-roles'> {
  return { name: 'network-roles', shared: true, rules, otherwise: 'pass' };
}

function restrictionsOn(policy: GuardPolicy, all: readonly Restriction[]): readonly Rule[] {
  const grants = grantsOf(policy);
  return all.filter(({ liftedBy }) => !grants.includes(liftedBy)).map(({ rule }) => rule);
}

function withheld(classes: readonly Restricted[]): readonly Restriction[] {
  return classes.flatMap(({ reason, role, messages }) =>
    messages.map((match) => ({ liftedBy: role, rule: drop(reason, match) })),
  );
}

/** To a server from any port but a server's own, as servers take a client's message from every port. */
function dhcpClient(server: number): readonly Restriction[] {
  const ports: readonly Range[] = [
    [0, server - 1],
    [server + 1, 65535],
  ];
  return ports.map((sourcePort) => ({
    liftedBy: 'dhcp',
    rule: drop('dhcp-client', { ...udpTo(server), sourcePort }),
  }));
}

function igmp(): readonly Restriction[] {
  return [
    ...HOST_IGMP.map((type) => pass({ protocol: PROTOCOL.igmp, type: only(type) })),
    drop('multicast-query', { protocol: PROTOCOL.igmp }),
  ].map((rule) => ({ liftedBy: 'router', rule }));
}
