import * as f from '../../frames/index.ts';
import { DOM0, DOM0_LINK_LOCAL, GATEWAY, GATEWAY_LINK_LOCAL } from '../../lab/segment.ts';
import { type Attack, because, datagram, harmless4, harmless6, type Shot } from '../attack.ts';
import { GUEST, NEIGHBOUR, type Spot, STRANGER, type Station } from '../cast.ts';

type Sender = Exclude<Spot, 'guest'>;

/** The senders as stations. */
const SENDERS: Readonly<Record<Sender, Station>> = {
  gateway: { ...GATEWAY, linkLocal: GATEWAY_LINK_LOCAL },
  dom0: { ...DOM0, linkLocal: DOM0_LINK_LOCAL },
  neighbour: NEIGHBOUR,
};
const ANYBODY = ['gateway', 'dom0', 'neighbour'] as const;

/** The same from each sender, towards the guest's port. */
function inward(senders: readonly Sender[], build: (from: Station) => f.Bytes): readonly Shot[] {
  return senders.map((from) => ({ from, frame: build(SENDERS[from]), reaches: ['guest'] }));
}

const packet4 =
  (
    dst: string,
    ether: Partial<f.EthernetHeader> = {},
    payload = harmless4(),
    header: Partial<f.Ipv4Header> = {},
  ) =>
  (from: Station) =>
    f.ethernet(
      { src: from.mac, dst: GUEST.mac, ...ether },
      f.ipv4({ src: from.ip, dst, ...header }, payload),
    );
const packet6 =
  (dst: string, ether: Partial<f.EthernetHeader> = {}, payload = harmless6()) =>
  (from: Station) =>
    f.ethernet({ src: from.mac, dst: GUEST.mac, ...ether }, f.ipv6({ src: from.ip6, dst }, payload));
const arp =
  (op: number, targetIp: string, ether: Partial<f.EthernetHeader> = {}) =>
  (from: Station) =>
    f.ethernet(
      { src: from.mac, dst: GUEST.mac, trailer: f.marker(), ...ether },
      f.arp({ op, senderMac: from.mac, senderIp: from.ip, targetMac: STRANGER.mac, targetIp }),
    );

const { BROADCAST, ARP_REQUEST, ARP_REPLY } = f;
const stranger = { dst: STRANGER.mac };
const solicit = (target: string) => f.neighborSolicitation(target, f.sourceLinkLayer(GATEWAY.mac));

/** Unicast for another station, flooded as nobody knows where that is. */
export const FLOODED: readonly Attack[] = because('not-addressed', {
  "IPv4 to another's MAC": inward(ANYBODY, packet4(STRANGER.ip, stranger)),
  "IPv4 to the guest's address at another's MAC": inward(ANYBODY, packet4(GUEST.ip, stranger)),
  "IPv6 to another's MAC": inward(ANYBODY, packet6(STRANGER.ip6, stranger)),
  "IPv6 to the guest's address at another's MAC": inward(ANYBODY, packet6(GUEST.ip6, stranger)),
  "ARP reply to another's MAC": inward(ANYBODY, arp(ARP_REPLY, STRANGER.ip, stranger)),
  "ARP request to another's MAC": inward(ANYBODY, arp(ARP_REQUEST, GUEST.ip, stranger)),
});

const groupOf = (address: string) => f.solicitedNode(address);
const toGroup = (group: string) => ({ dst: f.multicastMac(group) });

/** What comes to the guest's MAC or to all, and concerns other addresses than the guest's. */
export const NOT_FOR_GUEST: readonly Attack[] = because('not-for-guest', {
  'IPv4 to another address': inward(ANYBODY, packet4(STRANGER.ip)),
  "IPv4 to the neighbour's address": inward(ANYBODY, packet4('192.0.2.43')),
  'IPv4 to a limited broadcast as unicast': inward(ANYBODY, packet4('255.255.255.255')),
  'IPv4 to another address in a group frame': inward(ANYBODY, packet4(STRANGER.ip, toGroup('224.0.0.1'))),
  'TCP to another address': inward(
    ANYBODY,
    packet4(STRANGER.ip, {}, f.tcp({ srcPort: 9, dstPort: 9 }, f.marker())),
  ),
  'IPv6 to another address': inward(ANYBODY, packet6(STRANGER.ip6)),
  'IPv6 to another link-local address': inward(ANYBODY, packet6(STRANGER.linkLocal)),
  'IPv6 to another address in a group frame': inward(ANYBODY, packet6(STRANGER.ip6, toGroup('ff02::1'))),
  'IPv6 to another address in a broadcast': inward(ANYBODY, packet6(STRANGER.ip6, { dst: BROADCAST })),
  'ARP request for another': inward(ANYBODY, arp(ARP_REQUEST, STRANGER.ip, { dst: BROADCAST })),
  'ARP request for another, to the guest': inward(ANYBODY, arp(ARP_REQUEST, STRANGER.ip)),
  'ARP reply to another': inward(ANYBODY, arp(ARP_REPLY, STRANGER.ip, { dst: BROADCAST })),
  'ARP reply to another, to the guest': inward(ANYBODY, arp(ARP_REPLY, STRANGER.ip)),
  'NS for another': inward(
    ANYBODY,
    packet6(groupOf(STRANGER.ip6), toGroup(groupOf(STRANGER.ip6)), solicit(STRANGER.ip6)),
  ),
  "another's solicited-node group, to the guest": inward(ANYBODY, packet6(groupOf(STRANGER.ip6))),
  "another's solicited-node group in an all-nodes frame": inward(
    ANYBODY,
    packet6(groupOf(STRANGER.ip6), toGroup('ff02::1')),
  ),
});

const tagged = (...tags: readonly f.VlanTag[]) => inward(ANYBODY, packet4(GUEST.ip, { tags }));

/** Frames that no guest can make sense of, addressed to it. */
export const FOREIGN_FRAMES: readonly Attack[] = [
  ...because('vlan-tag', {
    'VLAN tag': tagged({ id: 5 }),
    'VID 0': tagged({ id: 0 }),
    '802.1ad tag': tagged({ id: 5, type: 0x88a8 }),
    QinQ: tagged({ id: 5, type: 0x88a8 }, { id: 6 }),
    'broadcast with a tag': inward(ANYBODY, packet4(GUEST.ip, { tags: [{ id: 7 }], dst: BROADCAST })),
    'ARP with a tag': inward(ANYBODY, arp(ARP_REQUEST, GUEST.ip, { tags: [{ id: 7 }] })),
  }),
  ...because('llc-snap', {
    LLC: inward(ANYBODY, ({ mac: src }) =>
      f.llc({ src, dst: GUEST.mac, dsap: 0xe0, ssap: 0xe0 }, f.marker()),
    ),
    CDP: inward(ANYBODY, ({ mac: src }) =>
      f.snap({ src, dst: '01:00:0c:cc:cc:cc' }, f.u8(0, 0, 12), f.rawNetwork(0x2000, f.marker())),
    ),
  }),
  ...because('ethertype', {
    'QinQ of old': inward(ANYBODY, packet4(GUEST.ip, { etherType: 0x9100 })),
    'PPPoE discovery': inward(ANYBODY, packet4(GUEST.ip, { etherType: 0x8863, dst: BROADCAST })),
    MPLS: inward(ANYBODY, packet6(GUEST.ip6, { etherType: 0x8847 })),
  }),
];

const fromPeer = (build: (from: Station) => f.Bytes) => inward(['neighbour'], build);
const offer = (srcPort: number) => datagram(srcPort, 68)();
const advertise = (srcPort: number) => datagram(srcPort, 546)();
const icmp = (type: number) => f.icmp({ type }, f.concat(f.zeros(4), f.marker()));
const ra = (header: Partial<f.Ipv6Header>) =>
  fromPeer((from) =>
    f.ethernet(
      { src: from.mac, dst: f.multicastMac('ff02::1') },
      f.ipv6({ src: from.linkLocal, dst: 'ff02::1', hopLimit: 255, ...header }, f.routerAdvertisement({})),
    ),
  );

/** What speaks for the network, from a guest whose own port lets it. */
export const PEER_SPEAKERS: readonly Attack[] = [
  ...because('dhcp-server', {
    'DHCP answer': fromPeer(packet4(GUEST.ip, {}, offer(67))),
    'DHCP answer, broadcast': fromPeer(packet4('255.255.255.255', { dst: BROADCAST }, offer(67))),
    'DHCP answer from another port': fromPeer(packet4(GUEST.ip, {}, offer(4011))),
    'DHCP server port to another port': fromPeer(packet4(GUEST.ip, {}, datagram(67, 4011)())),
    'DHCPv6 answer': fromPeer(packet6(GUEST.linkLocal, {}, advertise(547))),
    'DHCPv6 answer from another port': fromPeer(packet6(GUEST.linkLocal, {}, advertise(4011))),
    'DHCPv6 server port to another port': fromPeer(packet6(GUEST.ip6, {}, datagram(547, 4011)())),
  }),
  ...because('router-advert', {
    'ICMP router advertisement': fromPeer(packet4('224.0.0.1', toGroup('224.0.0.1'), icmp(9))),
    RA: ra({}),
    'RA to the guest alone': ra({ dst: GUEST.linkLocal }),
    'RA behind hop-by-hop': ra({ extensions: [f.hopByHop()] }),
    'RA behind options': ra({ extensions: [f.destinationOptions()] }),
    'RA as an atomic fragment': ra({ extensions: [f.fragment({ offset: 0, more: false, id: 9 })] }),
    'RA as a first fragment': ra({ extensions: [f.fragment({ offset: 0, more: true, id: 9 })] }),
  }),
  ...because('redirect', {
    'ICMP redirect': fromPeer(packet4(GUEST.ip, {}, icmp(5))),
    'ND redirect': fromPeer(
      packet6(GUEST.ip6, {}, f.redirect({ target: NEIGHBOUR.linkLocal, destination: GATEWAY.ip6 })),
    ),
  }),
];

/** See DISGUISED_DHCP. */
export const DISGUISED_PEER_DHCP: readonly Attack[] = because('dhcp-server', {
  'DHCP answer behind a header that says it is longer': [6, 7, 15].flatMap((ihl) => {
    const answer = { type: f.DHCP_OFFER, mac: GUEST.mac, yourIp: STRANGER.ip, serverId: NEIGHBOUR.ip };
    return fromPeer(packet4(GUEST.ip, {}, f.dhcp(answer), { ihl }));
  }),
});

/** What the guest needs, and gets. */
export const FOR_GUEST: Readonly<Record<string, readonly Shot[]>> = {
  'IPv4 to its address': inward(ANYBODY, packet4(GUEST.ip)),
  'IPv4 broadcast': inward(ANYBODY, packet4('192.0.2.255', { dst: BROADCAST })),
  'IPv4 multicast': inward(ANYBODY, packet4('224.0.0.251', toGroup('224.0.0.251'))),
  'IPv6 to its address': inward(ANYBODY, packet6(GUEST.ip6)),
  'IPv6 to its link-local address': inward(ANYBODY, packet6(GUEST.linkLocal)),
  'IPv6 multicast': inward(ANYBODY, packet6('ff02::fb', toGroup('ff02::fb'))),
  'ARP request': inward(ANYBODY, arp(ARP_REQUEST, GUEST.ip, { dst: BROADCAST })),
  'ARP reply': inward(ANYBODY, arp(ARP_REPLY, GUEST.ip)),
  'ARP announcement': inward(ANYBODY, (from) => arp(ARP_REQUEST, from.ip, { dst: BROADCAST })(from)),
  'answer to an ARP probe': inward(ANYBODY, arp(ARP_REPLY, '0.0.0.0')),
  NS: inward(ANYBODY, packet6(groupOf(GUEST.ip6), toGroup(groupOf(GUEST.ip6)), solicit(GUEST.ip6))),
  'NS for its link-local address': inward(
    ANYBODY,
    packet6(groupOf(GUEST.linkLocal), toGroup(groupOf(GUEST.linkLocal)), solicit(GUEST.linkLocal)),
  ),
  RA: inward(['gateway', 'dom0'], packet6('ff02::1', toGroup('ff02::1'), f.routerAdvertisement({}))),
  'DHCP answer': inward(['gateway', 'dom0'], packet4(GUEST.ip, {}, offer(67))),
  'DHCP answer, broadcast': inward(
    ['gateway', 'dom0'],
    packet4('255.255.255.255', { dst: BROADCAST }, offer(67)),
  ),
  'DHCPv6 answer': inward(['gateway', 'dom0'], packet6(GUEST.linkLocal, {}, advertise(547))),
  'ICMP redirect': inward(['gateway', 'dom0'], packet4(GUEST.ip, {}, icmp(5))),
  'IGMP query': inward(['gateway'], packet4('224.0.0.1', toGroup('224.0.0.1'), f.igmpQuery())),
  'MLD query': inward(['gateway'], packet6('ff02::1', toGroup('ff02::1'), f.mldQuery())),
};
