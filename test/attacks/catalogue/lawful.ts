import * as f from '../../frames/index.ts';
import { GATEWAY } from '../../lab/segment.ts';
import {
  ALL_HOSTS,
  datagram,
  everywhere,
  harmless4,
  harmless6,
  ipv4Shots,
  ipv6Shots,
  type Shot,
} from '../attack.ts';
import { GUEST, type Station } from '../cast.ts';

// The names of what is lawful are part of its type, so that tests which choose by name do so of those there are.
type Shots = Readonly<Record<string, readonly Shot[]>>;

const tcp = () => f.tcp({ srcPort: 9, dstPort: 9 }, f.marker());
const error = (type: number) => f.icmp({ type }, f.concat(f.zeros(32), f.marker()));
const error6 = (type: number) => f.icmpv6({ type }, f.concat(f.zeros(44), f.marker()));

/** ARP as a station that has `ip` and sends from `mac`. */
export function lawfulArp({ mac, ip }: Pick<Station, 'mac' | 'ip'>) {
  const arp = (fields: Partial<f.Arp>) =>
    everywhere(ALL_HOSTS, (to) =>
      f.ethernet(
        { src: mac, dst: to.mac, trailer: f.marker() },
        f.arp({ op: f.ARP_REQUEST, senderMac: mac, senderIp: ip, targetIp: to.address, ...fields }),
      ),
    );
  return {
    'ARP request': arp({}),
    'ARP reply': arp({ op: f.ARP_REPLY }),
    'ARP probe': arp({ senderIp: '0.0.0.0', targetIp: ip }),
    'ARP announcement': arp({ targetIp: ip }),
    'ARP announcement, as a reply': arp({ op: f.ARP_REPLY, targetIp: ip }),
  } satisfies Shots;
}

/** IPv4 as a station that has `ip` and sends from `mac`. */
export function lawfulIpv4({ mac, ip }: Pick<Station, 'mac' | 'ip'>): Shots {
  const packet = (payload: f.TransportLayer, options: Parameters<typeof ipv4Shots>[1] = {}) =>
    ipv4Shots(payload, { src: ip, ether: { src: mac }, ...options });
  return {
    'ICMP echo': packet(harmless4()),
    'ICMP errors': [3, 11, 12].flatMap((type) => packet(error(type))),
    UDP: packet(datagram(1024, 53)()),
    TCP: packet(tcp()),
    GRE: packet(f.rawTransport(47, f.marker())),
    'IPv4 with options': packet(harmless4(), { options: f.IPV4_ROUTER_ALERT }),
    'IPv4, first fragment': packet(datagram(9, 9)(), { moreFragments: true, id: 7 }),
    'IPv4, later fragment': packet(f.rawTransport(17, f.marker()), { fragmentOffset: 2, id: 7 }),
    'IGMPv2 report': packet(f.igmpReport('239.1.2.3'), { group: '239.1.2.3' }),
    'IGMPv2 leave': packet(f.igmpLeave('239.1.2.3'), { group: '224.0.0.2' }),
    'IGMPv3 report': packet(f.igmpv3Report('239.1.2.3'), { group: '224.0.0.22' }),
  };
}

/** IPv6 as a station that has `ip6` and sends from `mac`. */
export function lawfulIpv6({ mac, ip6 }: Pick<Station, 'mac' | 'ip6'>) {
  const packet = (payload: f.TransportLayer, options: Parameters<typeof ipv6Shots>[1] = {}) =>
    ipv6Shots(payload, { src: ip6, ether: { src: mac }, ...options });
  const slla = f.sourceLinkLayer(mac);
  const advertised = (...options: readonly f.Bytes[]) =>
    f.neighborAdvertisement({ target: ip6, solicited: true, override: true }, ...options);
  return {
    'ICMPv6 echo': packet(harmless6()),
    'ICMPv6 errors': [1, 2, 3, 4].flatMap((type) => packet(error6(type))),
    'UDP over IPv6': packet(datagram(1024, 53)()),
    'TCP over IPv6': packet(tcp()),
    ESP: packet(f.rawTransport(50, f.concat(f.zeros(8), f.marker()))),
    'UDP behind options': packet(datagram(9, 9)(), { extensions: [f.hopByHop(), f.destinationOptions()] }),
    'IPv6, first fragment': packet(datagram(9, 9)(), {
      extensions: [f.fragment({ offset: 0, more: true, id: 7 })],
    }),
    'IPv6, later fragment': packet(f.rawTransport(17, f.marker()), {
      extensions: [f.fragment({ offset: 2, more: false, id: 7 })],
    }),
    NS: packet(f.neighborSolicitation(GATEWAY.ip6, slla)),
    'NS without an option': packet(f.neighborSolicitation(GATEWAY.ip6)),
    NA: packet(advertised(f.targetLinkLayer(mac))),
    'NA without an option': packet(advertised()),
    RS: packet(f.routerSolicitation(slla), { group: 'ff02::2' }),
    'RS without an option': packet(f.routerSolicitation(), { group: 'ff02::2' }),
    DAD: packet(f.neighborSolicitation(ip6), { src: '::', group: f.solicitedNode(ip6) }),
    'DAD with a nonce': packet(f.neighborSolicitation(ip6, f.nonceOption(f.u8(1, 2, 3, 4, 5, 6))), {
      src: '::',
      group: f.solicitedNode(ip6),
    }),
    'MLDv1 report': packet(f.mldReport('ff05::1:3'), { extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] }),
    'MLDv1 done': packet(f.mldDone('ff05::1:3'), { extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] }),
    'MLDv2 report': packet(f.mldv2Report('ff05::1:3'), { extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] }),
  } satisfies Shots;
}

/** What needs no address yet. */
export const BEFORE_AN_ADDRESS = {
  'DHCP discover': [
    {
      frame: f.ethernet(
        { src: GUEST.mac, dst: f.BROADCAST },
        f.ipv4({ src: '0.0.0.0', dst: '255.255.255.255' }, f.dhcp({ type: f.DHCP_DISCOVER, mac: GUEST.mac })),
      ),
      reaches: ['gateway', 'neighbour', 'dom0'],
    },
  ],
  'RS from ::': ipv6Shots(f.routerSolicitation(), { src: '::', group: 'ff02::2' }),
  'MLDv2 report from ::': ipv6Shots(f.mldv2Report(f.solicitedNode(GUEST.ip6)), {
    src: '::',
    group: 'ff02::16',
    extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)],
  }),
} satisfies Shots;

/** A client's messages once it has an address to send from. */
const CLIENTS: Shots = {
  'DHCP request': ipv4Shots(f.dhcp({ type: f.DHCP_REQUEST, mac: GUEST.mac })),
  'DHCPv6 solicit': ipv6Shots(f.dhcpv6({ type: f.DHCPV6_SOLICIT, mac: GUEST.mac }), {
    src: GUEST.linkLocal,
    group: 'ff02::1:2',
  }),
};

const suffixed = (suffix: string, shots: Shots): Shots =>
  Object.fromEntries(Object.entries(shots).map(([name, list]) => [`${name}${suffix}`, list]));

/** Fragments are not for link-local sources. */
const fromLinkLocal = Object.fromEntries(
  Object.entries(lawfulIpv6({ ...GUEST, ip6: GUEST.linkLocal })).filter(
    ([name]) => !name.includes('fragment'),
  ),
);

/** Everything that the guest may send with its default policy. */
export const LAWFUL: Shots = {
  ...lawfulArp(GUEST),
  ...lawfulIpv4(GUEST),
  ...lawfulIpv6(GUEST),
  ...suffixed(', from link-local', fromLinkLocal),
  ...BEFORE_AN_ADDRESS,
  ...CLIENTS,
};
