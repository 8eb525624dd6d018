import {
  addressBytes,
  FAMILY_BITS,
  formatPrefix,
  type IpPrefix,
  isHost,
  parsePrefix,
} from '../../address/ip.ts';
import { type MacAddress, macBytes } from '../../address/mac.ts';
import {
  BROADCAST_IPV4,
  LINK_LOCAL_IPV6,
  MULTICAST_IPV4,
  MULTICAST_IPV6,
  NEVER_A_SOURCE,
  PROTOCOL,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_IPV6,
} from '../../rules/protocols.ts';
import type { EtherType, Match, NdOption, Range } from '../../rules/rule.ts';
import { GUEST_GROUP } from '../guest-group.ts';
import type { KeyPart } from './table.ts';

export type Family = 'arp' | 'ipv4' | 'ipv6';

/** A field with the numbers it may have. */
export interface NumberTerm {
  readonly field: string;
  readonly ranges: readonly Range[];
}

/** A comparison in nft's words, or of a field with numbers. */
export type Term = string | NumberTerm;

/** A field that must hold an address of the port's own: an element of a set, beside the port's index. */
export interface Key {
  readonly field: string;
  /** What is left of the field; all of it when absent. */
  readonly mask?: string;
  readonly value: KeyPart;
}

/** What a match is made out in. */
export interface Context {
  /** What the frames are known to be. */
  readonly family?: Family;
  /** See GuardedHost. */
  readonly untrustedPorts: readonly string[];
}

/** All terms and all keys must hold. */
export interface NftMatch {
  readonly terms: readonly Term[];
  readonly keys: readonly Key[];
}

/**
 * The ways in which a frame can match; they differ in where it comes from. Terms stand in the order
 * of their price.
 */
export function nftMatches(match: Match, context: Context): readonly NftMatch[] {
  const family = match.etherType === undefined ? context.family : familyOf(match.etherType);
  const parts = [
    ...(match.etherType === undefined ? [] : [etherTypeTerm(match.etherType)]),
    ...(match.etherType === 'ipv4' && match.protocol === undefined ? [WELL_FORMED_IPV4] : []),
    ...(match.etherSource === undefined
      ? []
      : [{ field: 'ether saddr', value: macValue(match.etherSource) }]),
    ...(match.etherDestination === undefined ? [] : [etherDestination(match.etherDestination)]),
    ...(match.arp === undefined ? [] : arpParts(match.arp)),
    ...(family === 'ipv4' || family === 'ipv6' ? ipParts(match, family) : []),
    ...provenanceTerms(match, context),
  ];
  const found = {
    terms: parts.filter((part): part is Term => !isKey(part)),
    keys: parts.filter(isKey),
  };
  if (!match.fromPeer) return [found];
  return fromPeerTerms(context).map((term) => ({ ...found, terms: [...found.terms, term] }));
}

/**
 * A frame with IPv4's ethertype and a malformed header (version, header length, total length) has no
 * protocol for nft (nft_set_pktinfo_ipv4_validate): it counts as no IPv4.
 */
export const WELL_FORMED_IPV4 = 'meta l4proto 0-255';

/** Every vif that is not guarded counts as a peer, and so do ports that the host config does not trust. */
function fromPeerTerms({ untrustedPorts }: Context): readonly string[] {
  const untrusted = untrustedPorts.length === 0 ? [] : [`iifname ${nameSet(untrustedPorts)}`];
  return ['iif @peers', `iifname "vif*" iifgroup != ${GUEST_GROUP}`, ...untrusted];
}

/** By name, as vifguard does not see them come and go; where there are none, no frame should pay for it. */
function notByName({ untrustedPorts }: Context): readonly string[] {
  const untrusted = untrustedPorts.length === 0 ? [] : [`iifname != ${nameSet(untrustedPorts)}`];
  return ['iifname != "vif*"', ...untrusted];
}

/** A name may begin with a digit. */
function nameSet(names: readonly string[]): string {
  const quoted = [...new Set(names)].sort().map((name) => `"${name}"`);
  return `{ ${quoted.join(', ')} }`;
}

/**
 * Each look into a set costs as much as several other comparisons: one serves for both. Not from a peer are fewer
 * here than there are, by the guests with roles.
 */
function provenanceTerms({ fromPeer, fromIsolated }: Match, context: Context): readonly string[] {
  if (fromPeer === false && fromIsolated === false)
    return [...notByName(context), 'iif != @peers-or-isolated'];
  return [
    ...(fromIsolated === undefined ? [] : [`iif ${fromIsolated ? '' : '!= '}@isolated`]),
    ...(fromPeer === false ? [...notByName(context), 'iif != @peers'] : []),
  ];
}

type Part = Term | Key;

function isKey(part: Part): part is Key {
  return typeof part !== 'string' && 'value' in part;
}

function familyOf(etherType: EtherType): Family | undefined {
  return etherType === 'arp' || etherType === 'ipv4' || etherType === 'ipv6' ? etherType : undefined;
}

/** Read from the frame itself, its tag in place (nft_payload_copy_vlan). LLC has a length there. */
const ETHER_TYPE: Record<EtherType, Range> = {
  arp: [0x0806, 0x0806],
  ipv4: [0x0800, 0x0800],
  ipv6: [0x86dd, 0x86dd],
  vlan: [0x8100, 0x8100],
  'service-vlan': [0x88a8, 0x88a8],
  length: [0, 0x05ff],
};

function etherTypeTerm(etherType: EtherType): Term {
  return { field: 'ether type', ranges: [ETHER_TYPE[etherType]] };
}

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const WHOLE_MAC = 'ff:ff:ff:ff:ff:ff';

function etherDestination({ address, mask }: NonNullable<Match['etherDestination']>): Part {
  if (mask !== WHOLE_MAC) return `ether daddr & ${mask} == ${address}`;
  if (address === BROADCAST) return `ether daddr ${address}`;
  return { field: 'ether daddr', value: macValue(address as MacAddress) };
}

function macValue(mac: MacAddress): KeyPart {
  return { text: mac, bytes: macBytes(mac) };
}

const SAME_OCTETS = [0, 1, 2, 3].map((octet) => `@nh,${112 + 8 * octet},8 . @nh,${192 + 8 * octet},8`);

/** nft compares no two fields: that sender and target are the same is looked up octet by octet. */
const GRATUITOUS = SAME_OCTETS.map((octets) => `${octets} @same-octets`).join(' ');

function arpParts(arp: NonNullable<Match['arp']>): readonly Part[] {
  return [
    // The last octet of the message, whatever it is: it has to be there.
    'arp htype 1 arp ptype 0x0800 arp hlen 6 arp plen 4 @nh,216,8 & 0x0 == 0x0',
    ...(arp.operation === undefined ? [] : [`arp operation ${arp.operation === 'request' ? 1 : 2}`]),
    ...(arp.senderMac === undefined ? [] : [{ field: 'arp saddr ether', value: macValue(arp.senderMac) }]),
    ...(arp.sender === undefined ? [] : address('arp saddr ip', arp.sender)),
    ...(arp.target === undefined ? [] : address('arp daddr ip', arp.target)),
    ...(arp.gratuitous ? [GRATUITOUS] : []),
  ];
}

function ipParts(match: Match, family: 'ipv4' | 'ipv6'): readonly Part[] {
  const ip = family === 'ipv4' ? 'ip' : 'ip6';
  return [
    ...protocolTerms(match.protocol),
    ...(match.sourcePort === undefined ? [] : [{ field: 'th sport', ranges: [match.sourcePort] }]),
    ...(match.destinationPort === undefined ? [] : [{ field: 'th dport', ranges: [match.destinationPort] }]),
    // As ebtables does: a header too short for both ports has none.
    ...(match.sourcePort === undefined || match.destinationPort !== undefined ? [] : ['th dport 0-65535']),
    ...(match.sourcePortNot === undefined ? [] : [`th sport != ${rangeText(match.sourcePortNot)}`]),
    ...(match.destinationPortNot === undefined ? [] : [`th dport != ${rangeText(match.destinationPortNot)}`]),
    ...(match.plainDestinationPort === undefined
      ? []
      : [{ field: PLAIN_DESTINATION_PORT, ranges: [match.plainDestinationPort] }]),
    ...(match.plainDestinationPortNot === undefined
      ? []
      : [`${PLAIN_DESTINATION_PORT} != ${rangeText(match.plainDestinationPortNot)}`]),
    // The same of a type: ebtables wants the checksum to be there, too.
    ...(match.type === undefined
      ? []
      : [{ field: typeField(match.protocol), ranges: [match.type] }, '@th,24,8 & 0x0 == 0x0']),
    ...(family === 'ipv4' && readsUpperLayer(match) ? [FIRST_OF_FRAGMENTS] : []),
    ...(match.source === undefined ? [] : address(`${ip} saddr`, match.source)),
    ...(match.destination === undefined ? [] : address(`${ip} daddr`, match.destination)),
    ...(match.fragmented ? ['exthdr frag exists'] : []),
    ...(match.nd === undefined ? [] : ndParts(match.nd.type, match.nd.option)),
    ...(match.ndTarget === undefined ? [] : ndTarget(match.ndTarget)),
  ];
}

/** Behind 20 octets of IPv4 and the source port. */
const PLAIN_DESTINATION_PORT = '@nh,176,16';

/** nft looks for ports and types in later fragments, too, where data is. */
const FIRST_OF_FRAGMENTS = 'ip frag-off & 0x1fff == 0';

function readsUpperLayer(match: Match): boolean {
  const ports = [match.sourcePort, match.destinationPort, match.sourcePortNot, match.destinationPortNot];
  return [...ports, match.plainDestinationPort, match.type].some((field) => field !== undefined);
}

/**
 * The protocol is what ipv6_find_hdr() finds, which goes through extension headers up to an
 * Authentication Header (nft_set_pktinfo_ipv6_validate): what is behind that is not in sight. A later
 * fragment may have any next header, and none is found when it is an extension header.
 */
function protocolTerms(protocol: Match['protocol']): readonly Term[] {
  if (protocol === undefined) return [];
  if (protocol === 'complete') return ['meta l4proto != { 51, 59 }'];
  if (protocol === 'later-fragment') return ['ip6 version 6 frag frag-off != 0'];
  return [{ field: 'meta l4proto', ranges: [[protocol, protocol]] }];
}

/** A range even of one: nft 1.0.6 makes one comparison of two with `!=`, so that one difference is enough. */
function rangeText([first, last]: Range): string {
  return `${first}-${last}`;
}

function typeField(protocol: Match['protocol']): string {
  if (protocol === PROTOCOL.igmp) return 'igmp type';
  return protocol === PROTOCOL.icmp ? 'icmp type' : 'icmpv6 type';
}

/** Blocks that rules name whoever the guest is: no elements. */
const WELL_KNOWN: ReadonlySet<string> = new Set(
  [
    ...NEVER_A_SOURCE,
    UNSPECIFIED_IPV4,
    UNSPECIFIED_IPV6,
    LINK_LOCAL_IPV6,
    MULTICAST_IPV4,
    MULTICAST_IPV6,
    BROADCAST_IPV4,
    ...['224.0.0.0/24', 'ff02::1:ff00:0/104'].map(parsePrefix),
  ].map(formatPrefix),
);

/** The last octet of an IPv6 header, whatever it is: it has to be there. */
const WHOLE_IPV6 = '@nh,312,8 & 0x0 == 0x0';

function address(field: string, prefix: IpPrefix): readonly Part[] {
  if (prefix.length === 0) return [];
  const text = formatPrefix(prefix);
  // Of a block, only its own octets are read.
  if (WELL_KNOWN.has(text)) return [`${field} ${text}`, ...(field === 'ip6 daddr' ? [WHOLE_IPV6] : [])];
  const network = { ...prefix, length: FAMILY_BITS[prefix.family] };
  const value = { text: formatPrefix(network), bytes: addressBytes(network) };
  return [isHost(prefix) ? { field, value } : { field, mask: maskText(prefix), value }];
}

function maskText({ family, length }: IpPrefix): string {
  return formatPrefix({ family, bits: maskBits(family, length), length: FAMILY_BITS[family] });
}

function maskBits(family: IpPrefix['family'], length: number): bigint {
  return ((1n << BigInt(length)) - 1n) << BigInt(FAMILY_BITS[family] - length);
}

const ROUTER_SOLICITATION = 133;

/** Octets of an ND message before its options. */
function fixedLength(type: number): number {
  return type === ROUTER_SOLICITATION ? 8 : 24;
}

/** No extension header, the length that these options make, and nothing behind them. */
function ndParts(type: number, option: NdOption): readonly Part[] {
  const fixed = fixedLength(type);
  const length = fixed + (option.kind === 'none' ? 0 : 8);
  return [
    `ip6 nexthdr 58 ip6 hoplimit 255 ip6 length ${length} icmpv6 type ${type} icmpv6 code 0`,
    ...optionParts(8 * fixed, option),
  ];
}

/** Option type, length 1 (in units of 8 octets) and value (RFC 4861 section 4.6.1, RFC 3971 section 5.3.2). */
function optionParts(at: number, option: NdOption): readonly Part[] {
  const head = (type: number) => `@th,${at},16 ${hex((type << 8) | 1)}`;
  const value = (mac: MacAddress) => ({ field: `@th,${at + 16},48`, value: numberValue(macBytes(mac)) });
  switch (option.kind) {
    case 'none':
      return [];
    case 'nonce':
      return [head(14)];
    case 'source-address':
      return [head(1), value(option.mac)];
    case 'target-address':
      return [head(2), value(option.mac)];
  }
}

/** nft 1.0.6 knows no `icmpv6 taddr`. */
const ND_TARGET = '@th,64,128';

function ndTarget(target: IpPrefix): readonly Part[] {
  const { family, length } = target;
  if (length === 0) return [];
  const mask = length === 128 ? {} : { mask: hex(maskBits(family, length)) };
  return [{ field: ND_TARGET, ...mask, value: numberValue(addressBytes(target)) }];
}

/** For a field that nft knows only as a number. */
function numberValue(bytes: Uint8Array): KeyPart {
  return { text: hex(BigInt(`0x${Buffer.from(bytes).toString('hex')}`)), bytes };
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
