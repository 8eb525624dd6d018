import * as f from '../../frames/index.ts';
import { GATEWAY } from '../../lab/segment.ts';
import {
  type Attack,
  because,
  datagram,
  disguised,
  harmless4,
  type Ipv4Options,
  ipv4Shots,
  type Messages,
} from '../attack.ts';
import { GUEST, STRANGER } from '../cast.ts';

const ALL_ROUTERS = '224.0.0.2';
const HSRP2_GROUP = '224.0.0.102';
const RIP_PORT = 520;

const protocol = (number: number) => () => f.rawTransport(number, f.concat(f.zeros(16), f.marker()));
const igmpType = (type: number) => () => f.igmp(type, 0, f.concat(f.zeros(4), f.marker()));

/** What speaks for the network over IPv4, by the reason of its drop. */
const MESSAGES: Messages = {
  'dhcp-server': [
    {
      name: 'DHCP offer',
      payload: () =>
        f.dhcp({ type: f.DHCP_OFFER, mac: STRANGER.mac, yourIp: STRANGER.ip, serverId: GUEST.ip }),
    },
    {
      name: 'DHCP acknowledgement',
      payload: () => f.dhcp({ type: f.DHCP_ACK, mac: STRANGER.mac, yourIp: STRANGER.ip, serverId: GUEST.ip }),
    },
    { name: 'DHCP server to a relay', payload: datagram(67, 67) },
    { name: 'DHCP answer from another port', payload: datagram(4011, 68) },
    { name: 'DHCP server port to another port', payload: datagram(67, 4011) },
  ],
  'router-advert': [
    {
      name: 'ICMP router advertisement',
      payload: () => f.icmp({ type: 9 }, f.concat(f.u8(1, 2), f.u16(1800), f.ip(GUEST.ip), f.u32(0))),
    },
    {
      name: 'Mobile IP agent advertisement',
      payload: () =>
        f.icmp({ type: 9, code: 16 }, f.concat(f.u8(1, 2), f.u16(1800), f.ip(GUEST.ip), f.u32(0))),
    },
  ],
  redirect: [0, 1, 2, 3].map((code) => ({
    name: `ICMP redirect, code ${code}`,
    payload: () => f.icmp({ type: 5, code }, f.concat(f.ip(GUEST.ip), f.zeros(28))),
  })),
  'multicast-query': [
    { name: 'IGMPv1 query', payload: () => f.igmp(0x11, 0, f.zeros(4)) },
    { name: 'IGMPv2 query', payload: () => f.igmpQuery() },
    { name: 'IGMPv2 query for a group', payload: () => f.igmpQuery('239.1.2.3'), group: '239.1.2.3' },
    { name: 'IGMPv3 query', payload: () => f.igmpv3Query() },
    { name: 'IGMPv3 query for a group', payload: () => f.igmpv3Query('239.1.2.3'), group: '239.1.2.3' },
    { name: 'DVMRP probe', payload: () => f.dvmrpProbe(), group: '224.0.0.4' },
    { name: 'PIMv1', payload: igmpType(0x14), group: ALL_ROUTERS },
    { name: 'multicast router advertisement', payload: () => f.mrdAdvertisement4(), group: '224.0.0.106' },
    { name: 'multicast router solicitation', payload: igmpType(0x31), group: ALL_ROUTERS },
    { name: 'multicast router termination', payload: () => f.mrdTermination4(), group: '224.0.0.106' },
    { name: 'IGMP of type 0', payload: igmpType(0) },
    { name: 'IGMP of type 255', payload: igmpType(0xff) },
  ],
  'routing-protocol': [
    { name: 'OSPF', payload: () => f.ospf(GUEST.ip), group: f.OSPF_GROUP },
    { name: 'OSPF to the designated routers', payload: () => f.ospf(GUEST.ip), group: '224.0.0.6' },
    { name: 'PIM', payload: () => f.pim(), group: f.PIM_GROUP },
    { name: 'EIGRP', payload: () => f.eigrp(1), group: f.EIGRP_GROUP },
    { name: 'RIP', payload: () => f.rip(), group: f.RIP_GROUP },
    { name: 'RIP from another port', payload: datagram(1024, RIP_PORT), group: f.RIP_GROUP },
    { name: 'GGP', payload: protocol(3) },
    { name: 'EGP', payload: protocol(8) },
    { name: 'IGRP', payload: protocol(9) },
    { name: 'IS-IS over IPv4', payload: protocol(124) },
    { name: 'MANET', payload: protocol(138), group: '224.0.0.109' },
    { name: 'OLSRv2', payload: datagram(269, 269), group: '224.0.0.109' },
    { name: 'AODV', payload: datagram(654, 654) },
    { name: 'LDP hello', payload: datagram(646, 646), group: ALL_ROUTERS },
    { name: 'OLSR', payload: datagram(698, 698), group: '224.0.0.109' },
    { name: 'RIFT', payload: datagram(914, 914), group: '224.0.0.121' },
    { name: 'Babel', payload: datagram(6696, 6696), group: '224.0.0.111' },
  ],
  'first-hop-redundancy': [
    {
      name: 'VRRPv2',
      payload: () => f.vrrp({ version: 2, id: 1, addresses: [GATEWAY.ip] }),
      group: f.VRRP_GROUP,
    },
    { name: 'VRRPv3', payload: () => f.vrrp({ id: 1, addresses: [GATEWAY.ip] }), group: f.VRRP_GROUP },
    { name: 'CARP', payload: () => f.carp(1), group: f.VRRP_GROUP },
    { name: 'HSRP', payload: () => f.hsrp(GATEWAY.ip), group: f.HSRP_GROUP },
    { name: 'HSRPv2', payload: () => f.hsrp(GATEWAY.ip), group: HSRP2_GROUP },
    { name: 'HSRP from another port', payload: datagram(1024, 1985), group: f.HSRP_GROUP },
    { name: 'GLBP', payload: () => f.glbp(GUEST.mac), group: f.GLBP_GROUP },
  ],
};

/** The forms that a message may take without changing what it is to its receiver. */
const DISGUISES: Readonly<Record<string, Ipv4Options>> = {
  plain: {},
  'with router alert': { options: f.IPV4_ROUTER_ALERT },
  'with 40 octets of options': { options: f.concat(f.u8(1, 1, 1, 1), f.zeros(36)) },
  'as a first fragment': { moreFragments: true, id: 77 },
  'with time to live 1': { ttl: 1 },
};

/** What speaks for the network over IPv4. */
export const IPV4_SPEAKERS: readonly Attack[] = [
  ...disguised(MESSAGES, DISGUISES, ipv4Shots),
  // To one station an authentication header is the guest's own affair.
  ...because('routing-protocol', {
    'OSPF behind an authentication header': ipv4Shots(protocol(51)(), { group: f.OSPF_GROUP }).slice(-1),
  }),
];

/** A DHCP answer as systemd-networkd reads it, in what is an option to others, who find other ports behind it. */
export const DISGUISED_DHCP: readonly Attack[] = because('dhcp-server', {
  'DHCP offer behind a header that says it is longer': [24, 28, 60].flatMap((length) => {
    const offer = f.dhcp({ type: f.DHCP_OFFER, mac: STRANGER.mac, yourIp: STRANGER.ip, serverId: GUEST.ip });
    return ipv4Shots(offer, { ihl: length / 4 });
  }),
});

/** The same as they are, without disguises. */
export const PLAIN_IPV4_SPEAKERS = disguised(MESSAGES, { plain: {} }, ipv4Shots);

const sources = (reason: Attack['reason'], list: Readonly<Record<string, string>>): readonly Attack[] =>
  Object.entries(list).flatMap(([name, src]) =>
    because(reason, {
      [`IPv4 from ${name}`]: ipv4Shots(harmless4(), { src }),
      [`TCP from ${name}`]: ipv4Shots(f.tcp({ srcPort: 9, dstPort: 9 }, f.marker()), { src }),
      [`UDP from ${name}`]: ipv4Shots(datagram(9, 9)(), { src }),
      [`a later fragment from ${name}`]: ipv4Shots(f.rawTransport(17, f.marker()), {
        src,
        fragmentOffset: 1,
      }),
      [`IPv4 with options from ${name}`]: ipv4Shots(harmless4(), { src, options: f.IPV4_ROUTER_ALERT }),
    }),
  );

const discover = () => f.dhcp({ type: f.DHCP_DISCOVER, mac: GUEST.mac });
const UNSPECIFIED = { src: '0.0.0.0' };
// The last one but one goes to 255.255.255.255, as a client's message does.
const toOneAddress = (payload: f.TransportLayer) =>
  ipv4Shots(payload, UNSPECIFIED).filter((_, shot) => shot !== 3);

/** Sources that are not the guest's. */
export const IPV4_SOURCES: readonly Attack[] = [
  ...sources('ipv4-spoof', {
    'a stranger': STRANGER.ip,
    'the gateway': GATEWAY.ip,
    loopback: '127.0.0.1',
    'a group': '224.0.0.1',
    broadcast: '255.255.255.255',
    'a link-local address': '169.254.1.1',
    'the network': '0.0.0.1',
    'the next address': '192.0.2.40',
  }),
  ...sources('unspecified-source', { '0.0.0.0': '0.0.0.0' }),
  ...because('unspecified-source', {
    'IGMP report from 0.0.0.0': ipv4Shots(f.igmpReport('239.1.2.3'), UNSPECIFIED),
    'IGMP query from 0.0.0.0': ipv4Shots(f.igmpQuery(), UNSPECIFIED),
    'DHCP client from 0.0.0.0 to one address': toOneAddress(discover()),
    'DHCP client from 0.0.0.0 and another port': ipv4Shots(datagram(1068, 67)(), UNSPECIFIED),
    'DHCP server from 0.0.0.0': ipv4Shots(f.dhcp({ type: f.DHCP_OFFER, mac: STRANGER.mac }), UNSPECIFIED),
  }),
];

/** A DHCP client, for a guest that may not be one. */
export const DHCP_CLIENT: readonly Attack[] = [
  ...because('unspecified-source', { 'DHCP discover': ipv4Shots(discover(), UNSPECIFIED) }),
  ...because('dhcp-client', {
    'DHCP request from its own address': ipv4Shots(f.dhcp({ type: f.DHCP_REQUEST, mac: GUEST.mac })),
    'DHCP from another port': ipv4Shots(datagram(1068, 67)()),
    'DHCP from a lower port': ipv4Shots(datagram(66, 67)()),
  }),
];
