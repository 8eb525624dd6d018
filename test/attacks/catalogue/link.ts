import type { Reason } from '../../../src/rules/reason.ts';
import * as f from '../../frames/index.ts';
import { GATEWAY } from '../../lab/segment.ts';
import { ALL_HOSTS, type Attack, everywhere, harmless4, harmless6, ipv4Shots, ipv6Shots } from '../attack.ts';
import { ATTACKER, PLACES, STRANGER } from '../cast.ts';

const spoofed = { src: STRANGER.mac };

const ownArp = (senderMac = ATTACKER.mac) =>
  f.arp({ op: f.ARP_REQUEST, senderMac, senderIp: ATTACKER.ip, targetIp: ATTACKER.ip });

const because = (reason: Reason, attacks: readonly Omit<Attack, 'reason'>[]): Attack[] =>
  attacks.map((attack) => ({ ...attack, reason }));

const macSpoofing = because('mac-spoof', [
  { name: 'IPv4 from another MAC', shots: ipv4Shots(harmless4(), { ether: spoofed }) },
  { name: 'IPv6 from another MAC', shots: ipv6Shots(harmless6(), { ether: spoofed }) },
  {
    name: 'ARP from another MAC',
    shots: everywhere(ALL_HOSTS, ({ mac }) =>
      f.ethernet({ src: STRANGER.mac, dst: mac }, ownArp(STRANGER.mac)),
    ),
  },
  {
    name: "IPv4 from the gateway's MAC",
    shots: ipv4Shots(harmless4(), { ether: { src: GATEWAY.mac } })
      .filter(({ reaches }) => !(reaches.length === 1 && reaches[0] === 'gateway'))
      .map((shot) => ({ ...shot, reaches: shot.reaches.filter((place) => place !== 'gateway') })),
  },
]);

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
  Object.entries(TAGS).flatMap(([name, tags]) => [
    { name: `IPv4, ${name}`, shots: ipv4Shots(harmless4(), { ether: { tags } }) },
    { name: `IPv6, ${name}`, shots: ipv6Shots(harmless6(), { ether: { tags } }) },
    {
      name: `ARP, ${name}`,
      shots: everywhere(ALL_HOSTS, ({ mac }) => f.ethernet({ src: ATTACKER.mac, dst: mac, tags }, ownArp())),
    },
  ]),
);

const CISCO = '01:00:0c:cc:cc:cc';
const CISCO_PVST = '01:00:0c:cc:cc:cd';
const llc = because('llc-snap', [
  {
    name: 'LLC',
    shots: everywhere(ALL_HOSTS, ({ mac }) =>
      f.llc({ src: ATTACKER.mac, dst: mac, dsap: 0xe0, ssap: 0xe0 }, f.marker()),
    ),
  },
  {
    name: 'IS-IS over LLC',
    shots: everywhere(ALL_HOSTS, ({ mac }) =>
      f.llc({ src: ATTACKER.mac, dst: mac, dsap: 0xfe, ssap: 0xfe }, f.marker()),
    ),
  },
  {
    name: 'IPv4 in SNAP',
    shots: everywhere(ALL_HOSTS, ({ mac, address }) =>
      f.snap(
        { src: ATTACKER.mac, dst: mac },
        f.zeros(3),
        f.ipv4({ src: ATTACKER.ip, dst: address }, harmless4()),
      ),
    ),
  },
  {
    name: 'CDP',
    shots: [
      {
        frame: f.snap(
          { src: ATTACKER.mac, dst: CISCO },
          f.u8(0, 0, 12),
          f.rawNetwork(0x2000, f.concat(f.u8(2, 180), f.marker())),
        ),
        reaches: PLACES,
      },
    ],
  },
  {
    name: 'PVST BPDU',
    shots: [
      {
        frame: f.snap(
          { src: ATTACKER.mac, dst: CISCO_PVST },
          f.u8(0, 0, 12),
          f.rawNetwork(0x010b, f.concat(f.zeros(35), f.marker())),
        ),
        reaches: PLACES,
      },
    ],
  },
  {
    name: 'BPDU',
    shots: [
      { frame: f.bpdu({ src: ATTACKER.mac }), reaches: ['gateway', 'neighbour'] },
      { frame: f.bpdu({ src: ATTACKER.mac, dst: f.BROADCAST }), reaches: PLACES },
    ],
  },
]);

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
  Object.entries(ETHER_TYPES).map(([name, type]) => ({
    name,
    shots: everywhere(ALL_HOSTS, ({ mac }) =>
      f.ethernet({ src: ATTACKER.mac, dst: mac }, f.rawNetwork(type, f.concat(f.zeros(40), f.marker()))),
    ),
  })),
);

export const LINK_ATTACKS: readonly Attack[] = [...macSpoofing, ...vlans, ...llc, ...etherTypes];
