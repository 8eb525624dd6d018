import type { Reason } from '../../src/rules/reason.ts';
import type { Attack } from './attack.ts';
import { ARP_ATTACKS } from './catalogue/arp.ts';
import { BRIDGE_GROUP_ATTACKS } from './catalogue/bridge-group.ts';
import { IPV4_SOURCES, IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { HEADER_CHAINS, IPV6_SOURCES, IPV6_SPEAKERS, ND_ATTACKS, ND_DISGUISES } from './catalogue/ipv6.ts';
import { LINK_ATTACKS } from './catalogue/link.ts';

/** Everything that the guest GUEST may not send. */
export const ALL_ATTACKS: readonly Attack[] = [
  ...LINK_ATTACKS,
  ...BRIDGE_GROUP_ATTACKS,
  ...ARP_ATTACKS,
  ...IPV4_SOURCES,
  ...IPV4_SPEAKERS,
  ...IPV6_SOURCES,
  ...IPV6_SPEAKERS,
  ...ND_ATTACKS,
  ...ND_DISGUISES,
  ...HEADER_CHAINS,
];

const LABELS: Readonly<Partial<Record<Attack['reason'], string>>> = {
  'mac-spoof': 'forged MAC',
  'vlan-tag': 'VLAN hopping, QinQ',
  'llc-snap': 'BPDU, CDP, IS-IS',
  'bridge-group': 'LLDP, LACP, EAPOL groups',
  ethertype: 'PPPoE, MPLS, RARP ...',
  'arp-spoof': 'ARP poisoning',
  'arp-malformed': 'malformed ARP',
  'ipv4-spoof': 'forged IPv4 source',
  'ipv6-spoof': 'forged IPv6 source',
  'unspecified-source': 'source 0.0.0.0 or ::',
  'dhcp-server': 'rogue DHCP and DHCPv6',
  'router-advert': 'rogue router advertisement',
  redirect: 'ICMP redirect',
  'router-icmp': 'router renumbering, MRD',
  'multicast-query': 'IGMP and MLD queries',
  'routing-protocol': 'OSPF, PIM, RIP, EIGRP ...',
  'first-hop-redundancy': 'VRRP, CARP, HSRP, GLBP',
  'nd-spoof': "another's address (ND)",
  'nd-malformed': 'foreign MAC, hidden ND',
  'nd-fragment': 'fragmented ND',
  'icmpv6-type': 'unknown ICMPv6',
  'ipv6-header-chain': 'hidden IPv6 header chain',
};

export interface AttackClass {
  readonly label: string;
  readonly attacks: readonly Attack[];
}

/** The attacks by what they are, for people. */
export const ATTACK_CLASSES: readonly AttackClass[] = (Object.entries(LABELS) as [Reason, string][]).map(
  ([reason, label]) => ({ label, attacks: ALL_ATTACKS.filter((attack) => attack.reason === reason) }),
);
