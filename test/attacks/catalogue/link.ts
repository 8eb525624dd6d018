import * as f from '../../frames/index.ts';
import { GATEWAY } from '../../lab/segment.ts';
import {
  ALL_HOSTS,
  ALL_NODES,
  type Attack,
  because,
  everywhere,
  harmless4,
  harmless6,
  ipv4Shots,
  ipv6Shots,
  type Shot,
} from '../attack.ts';
import { GUEST, PLACES, STRANGER } from '../cast.ts';

const spoofed = { src: STRANGER.mac };

const ownArp = (senderMac = GUEST.mac) =>
  f.arp({ op: f.ARP_REQUEST, senderMac, senderIp: GUEST.ip, targetIp: GUEST.ip });

/** The switch would take the gateway's frames away from it, were they ever to come from here. */
const elsewhere = (shots: readonly Shot[]): readonly Shot[] =>
  shots
    .map((shot) => ({ ...shot, reaches: shot.reaches.filter((spot) => spot !== 'gateway') }))
    .filter(({ reaches }) => reaches.length > 0);

const macSpoofing = because('mac-spoof', {
  'IPv4 from another MAC': ipv4Shots(harmless4(), { ether: spoofed }),
  'IPv6 from another MAC': ipv6Shots(harmless6(), { ether: spoofed }),
  'ARP from another MAC': everywhere(ALL_HOSTS, ({ mac }) =>
    f.ethernet({ src: STRANGER.mac, dst: mac, trailer: f.marker() }, ownArp(STRANGER.mac)),
  ),
  "IPv4 from the gateway's MAC": elsewhere(ipv4Shots(harmless4(), { ether: { src: GATEWAY.mac } })),
});

const S_TAG = 0x88a8;
const TAGS: Readonly<Record<string, readonly f.VlanTag[]>> = {
  'VLAN tag': [{ id: 5 }],
  'priority tag, VID 0': [{ id: 0, priority: 7 }],
  'VID 0 without priority': [{ id: 0 }],
  'VID 4095': [{ id: 4095 }],
  '802.1ad tag': [{ id: 5, type: S_TAG }],
  'QinQ, 88a8 outside': [{ id: 5, type: S_TAG }, { id: 6 }],
  '802.1ad within 802.1Q': [{ id: 5 }, { id: 6, type: S_TAG }],
  'two 802.1Q tags': [{ id: 0 }, { id: 6 }],
};

const vlans = because(
  'vlan-tag',
  Object.fromEntries(
    Object.entries(TAGS).flatMap(([name, tags]) => [
      [`IPv4, ${name}`, ipv4Shots(harmless4(), { ether: { tags } })],
      [`IPv6, ${name}`, ipv6Shots(harmless6(), { ether: { tags } })],
      [
        `ARP, ${name}`,
        everywhere(ALL_HOSTS, ({ mac }) =>
          f.ethernet({ src: GUEST.mac, dst: mac, tags, trailer: f.marker() }, ownArp()),
        ),
      ],
    ]),
  ),
);

const CISCO = '01:00:0c:cc:cc:cc';
const CISCO_PVST = '01:00:0c:cc:cc:cd';
const sap = (number: number) =>
  everywhere(ALL_HOSTS, ({ mac }) =>
    f.llc({ src: GUEST.mac, dst: mac, dsap: number, ssap: number }, f.marker()),
  );
const cisco = (dst: string, type: number, body: f.Bytes): readonly Shot[] => [
  {
    frame: f.snap({ src: GUEST.mac, dst }, f.u8(0, 0, 12), f.rawNetwork(type, f.concat(body, f.marker()))),
    reaches: PLACES,
  },
];

const llc = because('llc-snap', {
  LLC: sap(0xe0),
  'IS-IS over LLC': sap(0xfe),
  'IPv4 in SNAP': everywhere(ALL_HOSTS, ({ mac, address }) =>
    f.snap({ src: GUEST.mac, dst: mac }, f.zeros(3), f.ipv4({ src: GUEST.ip, dst: address }, harmless4())),
  ),
  'IPv6 in SNAP': everywhere(ALL_NODES, ({ mac, address }) =>
    f.snap({ src: GUEST.mac, dst: mac }, f.zeros(3), f.ipv6({ src: GUEST.ip6, dst: address }, harmless6())),
  ),
  'ARP in SNAP': everywhere(ALL_HOSTS, ({ mac }) =>
    f.snap({ src: GUEST.mac, dst: mac, trailer: f.marker() }, f.zeros(3), ownArp()),
  ),
  CDP: cisco(CISCO, 0x2000, f.u8(2, 180)),
  'PVST BPDU': cisco(CISCO_PVST, 0x010b, f.zeros(35)),
  BPDU: [
    { frame: f.bpdu({ src: GUEST.mac }), reaches: ['gateway', 'neighbour'] },
    { frame: f.bpdu({ src: GUEST.mac, dst: f.BROADCAST }), reaches: PLACES },
  ],
});

/** IANA and IEEE numbers of what a guest has no business with. */
const ETHER_TYPES = {
  LLDP: 0x88cc,
  'PPPoE discovery': 0x8863,
  'PPPoE session': 0x8864,
  'Wake-on-LAN': 0x0842,
  EAPOL: 0x888e,
  RARP: 0x8035,
  'MPLS unicast': 0x8847,
  'MPLS multicast': 0x8848,
  MACsec: 0x88e5,
  PTP: 0x88f7,
  'slow protocols': 0x8809,
  'CFM/OAM': 0x8902,
  'QinQ of old': 0x9100,
  TRILL: 0x22f3,
  FCoE: 0x8906,
  'loopback test': 0x9000,
  'the first ethertype': 0x0600,
  'batman-adv': 0x4305,
} as const;

const etherTypes = because(
  'ethertype',
  Object.fromEntries(
    Object.entries(ETHER_TYPES).map(([name, type]) => [
      name,
      everywhere(ALL_HOSTS, ({ mac }) =>
        f.ethernet({ src: GUEST.mac, dst: mac }, f.rawNetwork(type, f.concat(f.zeros(40), f.marker()))),
      ),
    ]),
  ),
);

export const LINK_ATTACKS: readonly Attack[] = [...macSpoofing, ...vlans, ...llc, ...etherTypes];
