import * as f from '../../frames/index.ts';
import { GATEWAY, GATEWAY_LINK_LOCAL } from '../../lab/segment.ts';
import {
  type Attack,
  because,
  datagram,
  disguised,
  harmless6,
  type Ipv6Options,
  ipv6Shots,
  type Messages,
} from '../attack.ts';
import { GUEST, STRANGER } from '../cast.ts';

const RIPNG_PORT = 521;
const ALL_ROUTERS = 'ff02::2';
const ALL_SNOOPERS = 'ff02::6a';
const DHCP_AGENTS = 'ff02::1:2';

const own = f.sourceLinkLayer(GUEST.mac);
const icmp =
  (type: number, code = 0) =>
  () =>
    f.icmpv6({ type, code }, f.concat(f.zeros(4), f.marker()));
const protocol = (number: number) => () => f.rawTransport(number, f.concat(f.zeros(16), f.marker()));

/** What speaks for the network over IPv6, by the reason of its drop. */
const MESSAGES: Messages = {
  'dhcp-server': [
    {
      name: 'DHCPv6 advertise',
      payload: () => f.dhcpv6({ type: f.DHCPV6_ADVERTISE, mac: STRANGER.mac, serverMac: GUEST.mac }),
    },
    {
      name: 'DHCPv6 reply',
      payload: () => f.dhcpv6({ type: f.DHCPV6_REPLY, mac: STRANGER.mac, serverMac: GUEST.mac }),
    },
    { name: 'DHCPv6 server to a relay', payload: datagram(547, 547), group: DHCP_AGENTS },
    { name: 'DHCPv6 answer from another port', payload: datagram(4011, 546) },
    { name: 'DHCPv6 server port to another port', payload: datagram(547, 4011) },
  ],
  'router-advert': [
    { name: 'RA', payload: () => f.routerAdvertisement({}, own) },
    { name: 'RA without an option', payload: () => f.routerAdvertisement({}) },
    { name: 'RA that withdraws the router', payload: () => f.routerAdvertisement({ lifetime: 0 }) },
    {
      name: 'RA with a prefix',
      payload: () => f.routerAdvertisement({}, own, f.prefixInformation({ prefix: '2001:db8:666::' })),
    },
    {
      name: 'RA with a DNS server',
      payload: () => f.routerAdvertisement({}, own, f.rdnssOption([GUEST.ip6])),
    },
    { name: 'RA cut off', payload: () => f.icmpv6({ type: 134 }, f.zeros(0)) },
    { name: 'RA of another code', payload: icmp(134, 1) },
  ],
  redirect: [
    {
      name: 'redirect',
      payload: () => f.redirect({ target: GUEST.linkLocal, destination: '2001:db8:9::1' }, own),
    },
  ],
  'router-icmp': [
    { name: 'router renumbering', payload: () => f.routerRenumbering() },
    { name: 'certification path advertisement', payload: icmp(149) },
    { name: 'multicast router advertisement', payload: () => f.mrdAdvertisement6(), group: ALL_SNOOPERS },
    { name: 'multicast router solicitation', payload: icmp(152), group: ALL_ROUTERS },
    { name: 'multicast router termination', payload: () => f.mrdTermination6(), group: ALL_SNOOPERS },
  ],
  'multicast-query': [
    { name: 'MLDv1 query', payload: () => f.mldQuery() },
    { name: 'MLDv2 query', payload: () => f.mldv2Query() },
    { name: 'MLD query for a group', payload: () => f.mldQuery('ff05::1:3'), group: 'ff05::1:3' },
  ],
  'routing-protocol': [
    { name: 'OSPFv3', payload: () => f.ospfv3('192.0.2.41'), group: f.OSPF_GROUP6 },
    { name: 'OSPFv3 to the designated routers', payload: () => f.ospfv3('192.0.2.41'), group: 'ff02::6' },
    { name: 'PIM', payload: () => f.pim6(), group: f.PIM_GROUP6 },
    { name: 'EIGRP', payload: () => f.eigrp(1), group: 'ff02::a' },
    { name: 'RIPng', payload: () => f.ripng(), group: f.RIPNG_GROUP },
    { name: 'RIPng from another port', payload: datagram(1024, RIPNG_PORT), group: f.RIPNG_GROUP },
    { name: 'GGP', payload: protocol(3) },
    { name: 'EGP', payload: protocol(8) },
    { name: 'IGRP', payload: protocol(9) },
    { name: 'IS-IS over IPv6', payload: protocol(124) },
    { name: 'MANET', payload: protocol(138), group: 'ff02::6d' },
    { name: 'OLSRv2', payload: datagram(269, 269), group: 'ff02::6d' },
    { name: 'AODV', payload: datagram(654, 654) },
    { name: 'LDP hello', payload: datagram(646, 646), group: ALL_ROUTERS },
    { name: 'OLSR', payload: datagram(698, 698), group: 'ff02::6d' },
    { name: 'RIFT', payload: datagram(914, 914), group: 'ff02::a1f7' },
    { name: 'Babel', payload: datagram(6696, 6696), group: 'ff02::1:6' },
  ],
  'first-hop-redundancy': [
    {
      name: 'VRRPv3',
      payload: () => f.vrrp({ id: 1, addresses: [GATEWAY_LINK_LOCAL] }),
      group: f.VRRP_GROUP6,
    },
    { name: 'CARP', payload: () => f.carp(1), group: f.VRRP_GROUP6 },
    { name: 'HSRP', payload: datagram(2029, 2029), group: 'ff02::66' },
    { name: 'HSRP from another port', payload: datagram(1024, 2029), group: 'ff02::66' },
    { name: 'GLBP', payload: () => f.glbp(GUEST.mac), group: 'ff02::66' },
  ],
  'icmpv6-type': [
    ...[0, 5, 100, 127, 139, 140, 141, 142, 144, 145, 146, 147, 148, 150, 154, 155, 157, 158, 200, 255].map(
      (type) => ({ name: `ICMPv6 of type ${type}`, payload: icmp(type) }),
    ),
    { name: 'ICMPv6 of no type', payload: () => f.rawTransport(58, f.zeros(0)) },
  ],
};

const { hopByHop, destinationOptions, routing, authentication, fragment } = f;
const pad = (length: number) => f.concat(f.u8(1, length - 2), f.zeros(length - 2));
const atomic = fragment({ offset: 0, more: false, id: 66 });
const first = fragment({ offset: 0, more: true, id: 67 });

/** Chains of extension headers, behind which a receiver still finds the message. */
const CHAINS: Readonly<Record<string, readonly f.ExtensionHeader[]>> = {
  'behind hop-by-hop options': [hopByHop()],
  'behind router alert': [hopByHop(f.IPV6_ROUTER_ALERT)],
  'behind destination options': [destinationOptions()],
  'behind 250 octets of options': [destinationOptions(pad(250))],
  'behind 1280 octets of options': Array.from({ length: 5 }, () => destinationOptions(pad(250))),
  'behind ten destination options': Array.from({ length: 10 }, () => destinationOptions()),
  'behind a routing header, type 0': [routing({ type: 0, segmentsLeft: 0, addresses: [GUEST.ip6] })],
  'behind a routing header, type 2': [routing({ type: 2, segmentsLeft: 1, addresses: [GUEST.ip6] })],
  'behind a routing header, type 4': [routing({ type: 4, segmentsLeft: 0, addresses: [GUEST.ip6] })],
  'behind an authentication header': [authentication(1)],
  'behind all of them': [
    hopByHop(),
    destinationOptions(),
    routing({ type: 0, segmentsLeft: 0 }),
    authentication(1),
    destinationOptions(),
  ],
  'behind options in the wrong order': [destinationOptions(), hopByHop(), destinationOptions()],
};

/** The same with a Fragment header. */
const FRAGMENTS: Readonly<Record<string, readonly f.ExtensionHeader[]>> = {
  'as an atomic fragment': [atomic],
  'as a first fragment': [first],
  'as an atomic fragment behind options': [destinationOptions(), atomic],
  'as an atomic fragment before options': [atomic, destinationOptions()],
  'as a first fragment behind hop-by-hop': [hopByHop(), first],
  'as a first fragment before options': [first, destinationOptions()],
  'as a fragment in a fragment': [atomic, first],
  'as a first fragment in a first fragment': [first, first],
};

const extended = (
  chains: Readonly<Record<string, readonly f.ExtensionHeader[]>>,
  more: Ipv6Options = {},
): Readonly<Record<string, Ipv6Options>> =>
  Object.fromEntries(Object.entries(chains).map(([name, extensions]) => [name, { ...more, extensions }]));

const PLAIN: Readonly<Record<string, Ipv6Options>> = {
  plain: {},
  'from link-local': { src: GUEST.linkLocal },
};

/** The forms that a message may take without changing what it is to its receiver. */
const DISGUISES: Readonly<Record<string, Ipv6Options>> = {
  ...PLAIN,
  'with hop limit 1': { hopLimit: 1 },
  'from link-local, as an atomic fragment': { src: GUEST.linkLocal, extensions: [atomic] },
  'from link-local, behind options': { src: GUEST.linkLocal, extensions: [destinationOptions()] },
  ...extended(CHAINS),
  ...extended(FRAGMENTS),
};

/** What speaks for the network over IPv6. */
export const IPV6_SPEAKERS = disguised(MESSAGES, DISGUISES, ipv6Shots);

/** The same as they are, without disguises. */
export const PLAIN_IPV6_SPEAKERS = disguised(MESSAGES, { plain: {} }, ipv6Shots);

const sources = (list: Readonly<Record<string, string>>): readonly Attack[] =>
  Object.entries(list).flatMap(([name, src]) =>
    because('ipv6-spoof', {
      [`IPv6 from ${name}`]: ipv6Shots(harmless6(), { src }),
      [`TCP from ${name}`]: ipv6Shots(f.tcp({ srcPort: 9, dstPort: 9 }, f.marker()), { src }),
      [`UDP from ${name}`]: ipv6Shots(datagram(9, 9)(), { src }),
      [`RA from ${name}`]: ipv6Shots(f.routerAdvertisement({}, own), { src }),
      [`RS from ${name}`]: ipv6Shots(f.routerSolicitation(own), { src }),
      [`NS from ${name}`]: ipv6Shots(f.neighborSolicitation(GATEWAY.ip6, own), { src }),
      [`NA from ${name}`]: ipv6Shots(
        f.neighborAdvertisement({ target: src, override: true }, f.targetLinkLayer(GUEST.mac)),
        { src },
      ),
      [`MLD report from ${name}`]: ipv6Shots(f.mldv2Report('ff05::1:3'), { src, extensions: [hopByHop()] }),
      [`options from ${name}`]: ipv6Shots(harmless6(), { src, extensions: [destinationOptions()] }),
      [`a first fragment from ${name}`]: ipv6Shots(harmless6(), { src, extensions: [first] }),
      [`a later fragment from ${name}`]: ipv6Shots(f.rawTransport(17, f.marker()), {
        src,
        extensions: [fragment({ offset: 1, more: false, id: 67 })],
      }),
      [`nothing from ${name}`]: ipv6Shots(f.rawTransport(59, f.marker()), { src }),
    }),
  );

const UNSPECIFIED = { src: '::' };

/** Sources that are not the guest's. */
export const IPV6_SOURCES: readonly Attack[] = [
  ...sources({
    'a stranger': STRANGER.ip6,
    'the gateway': GATEWAY.ip6,
    "the gateway's link-local address": GATEWAY_LINK_LOCAL,
    "a stranger's link-local address": STRANGER.linkLocal,
    'another link-local address': 'fe80::1',
    'a link-local address out of fe80::/64': 'fe80:0:0:1:216:3eff:fe00:100',
    'a privacy address': '2001:db8:0:ffff:1234:5678:9abc:def0',
    'the next address': '2001:db8:0:ffff::40',
    loopback: '::1',
    'a group': 'ff02::1',
    'an IPv4-mapped address': '::ffff:192.0.2.41',
    'a unique local address': 'fd00::41',
  }),
  ...because('unspecified-source', {
    'echo from ::': ipv6Shots(harmless6(), UNSPECIFIED),
    'UDP from ::': ipv6Shots(datagram(9, 9)(), UNSPECIFIED),
    'TCP from ::': ipv6Shots(f.tcp({ srcPort: 9, dstPort: 9 }, f.marker()), UNSPECIFIED),
    'DHCPv6 from ::': ipv6Shots(f.dhcpv6({ type: f.DHCPV6_SOLICIT, mac: GUEST.mac }), UNSPECIFIED),
    'NA from ::': ipv6Shots(f.neighborAdvertisement({ target: GUEST.ip6, override: true }), UNSPECIFIED),
    'RA from ::': ipv6Shots(f.routerAdvertisement({}), UNSPECIFIED),
    'RA from :: behind options': ipv6Shots(f.routerAdvertisement({}), {
      ...UNSPECIFIED,
      extensions: [destinationOptions()],
    }),
    'redirect from ::': ipv6Shots(
      f.redirect({ target: GUEST.linkLocal, destination: STRANGER.ip6 }),
      UNSPECIFIED,
    ),
    'MLD query from ::': ipv6Shots(f.mldQuery(), {
      ...UNSPECIFIED,
      extensions: [hopByHop(f.IPV6_ROUTER_ALERT)],
    }),
    'MLD done from ::': ipv6Shots(f.mldDone('ff05::1:3'), { ...UNSPECIFIED, extensions: [hopByHop()] }),
    'a later fragment from ::': ipv6Shots(f.rawTransport(58, f.marker()), {
      ...UNSPECIFIED,
      extensions: [fragment({ offset: 1, more: false, id: 67 })],
    }),
    'nothing from ::': ipv6Shots(f.rawTransport(59, f.marker()), UNSPECIFIED),
  }),
];

/** A DHCPv6 client, for a guest that may not be one. */
export const DHCPV6_CLIENT: readonly Attack[] = because('dhcp-client', {
  'DHCPv6 solicit': ipv6Shots(f.dhcpv6({ type: f.DHCPV6_SOLICIT, mac: GUEST.mac }), {
    src: GUEST.linkLocal,
    group: DHCP_AGENTS,
  }),
  'DHCPv6 from another port': ipv6Shots(datagram(1546, 547)(), { src: GUEST.linkLocal, group: DHCP_AGENTS }),
  'DHCPv6 from a lower port': ipv6Shots(datagram(545, 547)(), { src: GUEST.linkLocal, group: DHCP_AGENTS }),
});

const { mac, linkLocal, ip6 } = GUEST;
const tlla = f.targetLinkLayer;
const slla = f.sourceLinkLayer;
const advertise = (target: string, ...options: readonly f.Bytes[]) =>
  f.neighborAdvertisement({ target, override: true }, ...options);
const solicit = f.neighborSolicitation;
const solicitRouter = f.routerSolicitation;

/** What a host may well send, plainly. */
const LAWFUL_ND: Readonly<Record<string, () => f.TransportLayer>> = {
  NA: () => advertise(ip6, tlla(mac)),
  'NA without an option': () => advertise(ip6),
  NS: () => solicit(GATEWAY.ip6, slla(mac)),
  'NS without an option': () => solicit(GATEWAY.ip6),
  RS: () => solicitRouter(slla(mac)),
  'RS without an option': () => solicitRouter(),
};

const wrapped = (
  reason: Attack['reason'],
  disguises: Readonly<Record<string, Ipv6Options>>,
): readonly Attack[] =>
  Object.entries(LAWFUL_ND).flatMap(([name, payload]) =>
    Object.entries(disguises).flatMap(([disguise, options]) =>
      because(reason, { [`${name}, ${disguise}`]: ipv6Shots(payload(), options) }),
    ),
  );

const FOREIGN_TARGETS: Readonly<Record<string, string>> = {
  'a stranger': STRANGER.ip6,
  'the gateway': GATEWAY.ip6,
  "the gateway's link-local address": GATEWAY_LINK_LOCAL,
  "a stranger's link-local address": STRANGER.linkLocal,
  'the next address': '2001:db8:0:ffff::40',
  'all nodes': 'ff02::1',
  '::': '::',
};

const spoofs = (src: string): readonly Attack[] =>
  Object.entries(FOREIGN_TARGETS).flatMap(([name, target]) =>
    because('nd-spoof', {
      [`NA for ${name}, from ${src}`]: ipv6Shots(advertise(target, tlla(mac)), { src }),
      [`NA without an option for ${name}, from ${src}`]: ipv6Shots(advertise(target), { src }),
      [`solicited NA for ${name}, from ${src}`]: ipv6Shots(
        f.neighborAdvertisement({ target, solicited: true, router: true }, tlla(mac)),
        { src },
      ),
    }),
  );

const duplicates: readonly Attack[] = Object.entries(FOREIGN_TARGETS).flatMap(([name, target]) =>
  because('nd-spoof', {
    [`DAD for ${name}`]: ipv6Shots(solicit(target), UNSPECIFIED),
    [`DAD with a nonce for ${name}`]: ipv6Shots(
      solicit(target, f.nonceOption(f.u8(1, 2, 3, 4, 5, 6))),
      UNSPECIFIED,
    ),
  }),
);

const foreign = STRANGER.mac;
const ofLength = (type: number, units: number, address: string) =>
  f.concat(f.u8(type, units), f.mac(address), f.zeros(Math.max(0, units * 8 - 8)));

/** Messages that name no foreign target, whose options do harm or hide it. */
const MALFORMED: Readonly<Record<string, () => f.TransportLayer>> = {
  'NA, foreign TLLA': () => advertise(ip6, tlla(foreign)),
  "NA, the gateway's TLLA": () => advertise(ip6, tlla(GATEWAY.mac)),
  'NA for a stranger, foreign TLLA': () => advertise(STRANGER.ip6, tlla(foreign)),
  'NA, SLLA': () => advertise(ip6, slla(mac)),
  'NA, foreign SLLA': () => advertise(ip6, slla(foreign)),
  'NA, own and foreign TLLA': () => advertise(ip6, tlla(mac), tlla(foreign)),
  'NA, foreign and own TLLA': () => advertise(ip6, tlla(foreign), tlla(mac)),
  'NA, own TLLA twice': () => advertise(ip6, tlla(mac), tlla(mac)),
  'NA, own TLLA and foreign SLLA': () => advertise(ip6, tlla(mac), slla(foreign)),
  'NA, nonce and foreign TLLA': () => advertise(ip6, f.nonceOption(f.zeros(6)), tlla(foreign)),
  'NA, unknown option and foreign TLLA': () => advertise(ip6, f.ndOption(99, f.zeros(6)), tlla(foreign)),
  'NA, unknown option': () => advertise(ip6, f.ndOption(99, f.zeros(6))),
  'NA, option of length 0': () => advertise(ip6, ofLength(2, 0, mac)),
  'NA, option of length 2': () => advertise(ip6, ofLength(2, 2, mac)),
  'NA, option longer than the packet': () => advertise(ip6, f.concat(f.u8(2, 9), f.mac(mac))),
  'NA with four octets more': () => advertise(ip6, f.zeros(4)),
  'NA of code 1': () => f.icmpv6({ type: 136, code: 1 }, f.concat(f.u8(0x20, 0, 0, 0), f.ip(ip6))),
  'NA cut off in the target': () =>
    f.icmpv6({ type: 136 }, f.concat(f.u8(0x20, 0, 0, 0), f.ip(ip6).subarray(0, 12))),
  'NA cut off before the target': () => f.icmpv6({ type: 136 }, f.u8(0x20, 0, 0, 0)),
  'NS, foreign SLLA': () => solicit(GATEWAY.ip6, slla(foreign)),
  "NS, the gateway's SLLA": () => solicit(STRANGER.ip6, slla(GATEWAY.mac)),
  'NS, TLLA': () => solicit(GATEWAY.ip6, tlla(mac)),
  'NS, foreign TLLA': () => solicit(GATEWAY.ip6, tlla(foreign)),
  'NS, own and foreign SLLA': () => solicit(GATEWAY.ip6, slla(mac), slla(foreign)),
  'NS, foreign and own SLLA': () => solicit(GATEWAY.ip6, slla(foreign), slla(mac)),
  'NS, own SLLA and foreign TLLA': () => solicit(GATEWAY.ip6, slla(mac), tlla(foreign)),
  'NS, nonce from an address': () => solicit(GATEWAY.ip6, f.nonceOption(f.zeros(6))),
  'NS, prefix option': () => solicit(GATEWAY.ip6, f.prefixInformation({ prefix: '2001:db8:666::' })),
  'NS of code 1': () => f.icmpv6({ type: 135, code: 1 }, f.concat(f.zeros(4), f.ip(GATEWAY.ip6))),
  'RS, foreign SLLA': () => solicitRouter(slla(foreign)),
  "RS, the gateway's SLLA": () => solicitRouter(slla(GATEWAY.mac)),
  'RS, TLLA': () => solicitRouter(tlla(mac)),
  'RS, own and foreign SLLA': () => solicitRouter(slla(mac), slla(foreign)),
  'RS, MTU option': () => solicitRouter(f.mtuOption(1280)),
  'RS of code 1': () => f.icmpv6({ type: 133, code: 1 }, f.zeros(4)),
};

/** From :: no link-layer option may come (RFC 4861 sections 6.1.1 and 7.1.1). */
const ANONYMOUS: Readonly<Record<string, () => f.TransportLayer>> = {
  'DAD with SLLA': () => solicit(ip6, slla(mac)),
  'DAD with foreign SLLA': () => solicit(ip6, slla(foreign)),
  'DAD with TLLA': () => solicit(ip6, tlla(mac)),
  'DAD with a nonce and foreign SLLA': () => solicit(ip6, f.nonceOption(f.zeros(6)), slla(foreign)),
  'DAD with two nonces': () => solicit(ip6, f.nonceOption(f.zeros(6)), f.nonceOption(f.zeros(6))),
  'RS with SLLA from ::': () => solicitRouter(slla(mac)),
  'RS with foreign SLLA from ::': () => solicitRouter(slla(foreign)),
  'RS with a nonce from ::': () => solicitRouter(f.nonceOption(f.zeros(6))),
};

const withOptions = (
  payloads: Readonly<Record<string, () => f.TransportLayer>>,
  options: Ipv6Options,
): readonly Attack[] =>
  Object.entries(payloads).flatMap(([name, payload]) =>
    because('nd-malformed', { [`${name}, from ${options.src}`]: ipv6Shots(payload(), options) }),
  );

/** Neighbour discovery that claims what is another's, or is made so that a filter would not see it. */
export const ND_ATTACKS: readonly Attack[] = [
  ...spoofs(ip6),
  ...spoofs(linkLocal),
  ...duplicates,
  ...withOptions(MALFORMED, { src: ip6 }),
  ...withOptions(MALFORMED, { src: linkLocal }),
  ...withOptions(ANONYMOUS, UNSPECIFIED),
];

/** Neighbour discovery that would be lawful, but for the headers before it (RFC 6980) and its hop limit. */
export const ND_DISGUISES: readonly Attack[] = [
  ...wrapped('nd-malformed', {
    'with hop limit 254': { hopLimit: 254 },
    'with hop limit 64': { hopLimit: 64 },
    'with hop limit 0': { hopLimit: 0 },
    ...extended(CHAINS),
    ...extended(FRAGMENTS),
    ...extended({ 'from link-local, behind options': [destinationOptions()] }, { src: linkLocal }),
  }),
  ...wrapped('nd-fragment', extended(FRAGMENTS, { src: linkLocal })),
  ...because('nd-malformed', {
    'DAD behind options': ipv6Shots(solicit(ip6), { ...UNSPECIFIED, extensions: [destinationOptions()] }),
    'DAD as a fragment': ipv6Shots(solicit(ip6), { ...UNSPECIFIED, extensions: [atomic] }),
    'DAD for another behind options': ipv6Shots(solicit(STRANGER.ip6), {
      ...UNSPECIFIED,
      extensions: [destinationOptions()],
    }),
    'NA for another behind options': ipv6Shots(advertise(STRANGER.ip6, tlla(mac)), {
      extensions: [destinationOptions()],
    }),
    // 32 octets of options, so that own values lie where the NA of a plain packet would have them.
    'NA for another, own target where a plain one has it': ipv6Shots(advertise(STRANGER.ip6, tlla(mac)), {
      extensions: [destinationOptions(f.concat(f.u8(1, 20), f.zeros(4), f.ip(ip6)))],
    }),
  }),
];

const anything = (protocolNumber: number, bytes: f.Bytes = f.marker()) =>
  f.rawTransport(protocolNumber, bytes);
const cut = (length: number): f.ExtensionHeader => ({
  protocol: 60,
  bytes: (next) => f.concat(f.u8(next, 5), f.zeros(length - 2)),
});

/** Header chains that end out of the first fragment's sight (RFC 7112), or in what hides a further header. */
export const HEADER_CHAINS: readonly Attack[] = [
  ...because('ipv6-header-chain', {
    'no next header': ipv6Shots(anything(59)),
    'no next header behind options': ipv6Shots(anything(59), { extensions: [destinationOptions()] }),
    'a first fragment of options only': ipv6Shots(anything(60, f.concat(f.u8(60, 3), f.zeros(6))), {
      extensions: [first],
    }),
    'a first fragment that ends in hop-by-hop': ipv6Shots(anything(0, f.zeros(1)), { extensions: [first] }),
    'a first fragment of nothing, options to come': ipv6Shots(anything(60, f.zeros(0)), {
      extensions: [first],
    }),
    'a first fragment of nothing, routing to come': ipv6Shots(anything(43, f.zeros(0)), {
      extensions: [first],
    }),
    'a first fragment of nothing, a fragment to come': ipv6Shots(anything(44, f.zeros(0)), {
      extensions: [first],
    }),
    'a first fragment of nothing, UDP to come': ipv6Shots(anything(17, f.zeros(0)), { extensions: [first] }),
    'a first fragment of nothing, TCP to come': ipv6Shots(anything(6, f.zeros(0)), { extensions: [first] }),
    'a first fragment that ends in options, UDP to come': ipv6Shots(anything(17, f.zeros(0)), {
      extensions: [first, cut(8)],
    }),
    'options longer than the packet, UDP to come': ipv6Shots(anything(17, f.zeros(0)), {
      extensions: [cut(8)],
    }),
    'options cut off': ipv6Shots(anything(60, f.zeros(1))),
    'UDP without ports': ipv6Shots(anything(17, f.zeros(2))),
    'TCP without ports': ipv6Shots(anything(6, f.zeros(3))),
    'UDP without ports, behind options': ipv6Shots(anything(17, f.zeros(2)), {
      extensions: [destinationOptions()],
    }),
    'TCP without ports, behind options': ipv6Shots(anything(6, f.zeros(3)), {
      extensions: [destinationOptions()],
    }),
    'an RA in a mobility header': ipv6Shots(f.routerAdvertisement({}), {
      extensions: [{ protocol: 135, bytes: (next) => f.concat(f.u8(next, 0), f.zeros(6)) }],
    }),
    'an RA in a HIP header': ipv6Shots(f.routerAdvertisement({}), {
      extensions: [{ protocol: 139, bytes: (next) => f.concat(f.u8(next, 0), f.zeros(6)) }],
    }),
    'an RA in a Shim6 header': ipv6Shots(f.routerAdvertisement({}), {
      extensions: [{ protocol: 140, bytes: (next) => f.concat(f.u8(next, 0), f.zeros(6)) }],
    }),
  }),
  ...because('icmpv6-type', {
    'a first fragment of nothing, ICMPv6 to come': ipv6Shots(anything(58, f.zeros(0)), {
      extensions: [first],
    }),
    'a first fragment that ends in options, ICMPv6 to come': ipv6Shots(anything(58, f.zeros(0)), {
      extensions: [first, cut(8)],
    }),
    'ICMPv6 cut off': ipv6Shots(anything(58, f.zeros(2))),
  }),
  ...because('nd-fragment', {
    'an echo from link-local as a first fragment': ipv6Shots(harmless6(), {
      src: GUEST.linkLocal,
      extensions: [first],
    }),
    'an echo from link-local as an atomic fragment': ipv6Shots(harmless6(), {
      src: GUEST.linkLocal,
      extensions: [atomic],
    }),
    'a later fragment from link-local': ipv6Shots(anything(58), {
      src: GUEST.linkLocal,
      extensions: [fragment({ offset: 1, more: false, id: 67 })],
    }),
    'a later fragment from link-local behind options': ipv6Shots(anything(17), {
      src: GUEST.linkLocal,
      extensions: [destinationOptions(), fragment({ offset: 3, more: true, id: 67 })],
    }),
    'UDP from link-local as a fragment in a fragment': ipv6Shots(datagram(9, 9)(), {
      src: GUEST.linkLocal,
      extensions: [atomic, first],
    }),
  }),
];

/** What br_netfilter finds malformed, with an otherwise lawful message. */
export const MALFORMED_IPV6: readonly Attack[] = because('kernel', {
  'IPv6 of version 4': ipv6Shots(harmless6(), { version: 4 }),
  'NA of version 5': ipv6Shots(advertise(ip6), { version: 5 }),
  'a payload length beyond the frame': ipv6Shots(harmless6(), { payloadLength: 500 }),
  'NA with a payload length beyond the frame': ipv6Shots(advertise(ip6), { payloadLength: 32 }),
});
