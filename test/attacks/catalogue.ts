import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { GATEWAY } from '../lab/segment.ts';

/** A forbidden frame: what it tries, and its octets as this guest would send them. */
export interface Attack {
  readonly name: string;
  readonly frame: (attacker: Guest) => f.Bytes;
}

const STRANGER = { mac: '00:16:3e:66:66:66', ip: '192.0.2.66', ip6: '2001:db8:0:ffff::66' };
const ALL_NODES = 'ff02::1';

const datagram = (src: string, srcPort = 9, dstPort = 9) =>
  f.ipv4({ src, dst: '192.0.2.255' }, f.udp({ srcPort, dstPort }, f.marker()));
const broadcast = (src: string) => ({ src, dst: f.BROADCAST });
const group = (src: string) => ({ src, dst: f.multicastMac(ALL_NODES) });
const own4 = ({ addresses }: Guest) => addresses.ip ?? '';
const own6 = ({ addresses }: Guest) => addresses.ip6 ?? '';

export const ATTACKS: readonly Attack[] = [
  {
    name: 'MAC spoofing',
    frame: (guest) => f.ethernet(broadcast(STRANGER.mac), datagram(own4(guest))),
  },
  {
    name: 'IPv4 spoofing',
    frame: ({ mac }) => f.ethernet(broadcast(mac), datagram(STRANGER.ip)),
  },
  {
    name: 'IPv6 spoofing',
    frame: ({ mac }) =>
      f.ethernet(group(mac), f.ipv6({ src: STRANGER.ip6, dst: ALL_NODES }, f.icmpv6EchoReply(f.marker()))),
  },
  {
    name: 'ARP poisoning (gateway)',
    frame: ({ mac }) =>
      f.ethernet(
        { ...broadcast(mac), trailer: f.marker() },
        f.arp({ op: f.ARP_REPLY, senderMac: mac, senderIp: GATEWAY.ip, targetIp: GATEWAY.ip }),
      ),
  },
  {
    name: 'ARP request as another',
    frame: ({ mac }) =>
      f.ethernet(
        { ...broadcast(mac), trailer: f.marker() },
        f.arp({ op: f.ARP_REQUEST, senderMac: mac, senderIp: STRANGER.ip, targetIp: GATEWAY.ip }),
      ),
  },
  {
    name: 'VLAN hopping',
    frame: (guest) => f.ethernet({ ...broadcast(guest.mac), tags: [{ id: 7 }] }, datagram(own4(guest))),
  },
  {
    name: 'LLC frame',
    frame: ({ mac }) => f.llc({ ...broadcast(mac), dsap: 0xe0, ssap: 0xe0 }, f.marker()),
  },
  {
    name: 'rogue DHCP server',
    frame: (guest) => f.ethernet(broadcast(guest.mac), datagram(own4(guest), 67, 68)),
  },
  {
    name: 'rogue RA',
    frame: (guest) =>
      f.ethernet(
        group(guest.mac),
        f.ipv6(
          { src: own6(guest), dst: ALL_NODES, hopLimit: 255 },
          f.routerAdvertisement({ lifetime: 0 }, f.sourceLinkLayer(guest.mac)),
        ),
      ),
  },
  {
    name: 'NA for another',
    frame: (guest) =>
      f.ethernet(
        group(guest.mac),
        f.ipv6(
          { src: own6(guest), dst: ALL_NODES, hopLimit: 255 },
          f.neighborAdvertisement({ target: STRANGER.ip6, override: true }, f.targetLinkLayer(guest.mac)),
        ),
      ),
  },
  {
    name: 'NA, own address, foreign MAC',
    frame: (guest) =>
      f.ethernet(
        group(guest.mac),
        f.ipv6(
          { src: own6(guest), dst: ALL_NODES, hopLimit: 255 },
          f.neighborAdvertisement({ target: own6(guest), override: true }, f.targetLinkLayer(STRANGER.mac)),
        ),
      ),
  },
];
