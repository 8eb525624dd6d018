import { formatPrefix, type IpPrefix } from '../../address/ip.ts';
import type { EtherType, Match, Range } from '../../rules/rule.ts';
import { bits, hex, MARK } from './marks.ts';

/** By number: for a name the tool reads /etc/ethertypes, for every rule anew. */
const ETHER_TYPE: Record<EtherType, string> = {
  arp: '0x0806',
  ipv4: '0x0800',
  ipv6: '0x86dd',
  vlan: '0x8100',
  'service-vlan': '0x88a8',
  length: 'LENGTH',
};

const IGMP = 2;
const ICMPV6 = 58;

/**
 * A match in ebtables(8)'s words, in the context of one ethertype.
 *
 * @throws TypeError for `fragmented`, `nd` and `ndTarget`, which ebtables cannot match.
 */
export function ebtablesMatch(match: Match, context?: 'arp' | 'ipv4' | 'ipv6'): string {
  if (match.fragmented || match.nd || match.ndTarget) {
    throw new TypeError(`ebtables cannot match ${JSON.stringify(Object.keys(match))}`);
  }
  const etherType = match.etherType ?? context;
  return [
    ...(etherType === undefined ? [] : [`-p ${ETHER_TYPE[etherType]}`]),
    ...(match.etherSource === undefined ? [] : [`-s ${match.etherSource}`]),
    ...(match.etherDestination === undefined
      ? []
      : [`-d ${match.etherDestination.address}/${match.etherDestination.mask}`]),
    ...(match.arp === undefined ? [] : arpOptions(match.arp)),
    ...(etherType === 'ipv4' ? ipv4Options(match) : etherType === 'ipv6' ? ipv6Options(match) : []),
    ...markOption([
      [MARK.peer, match.fromPeer],
      [MARK.isolated, match.fromIsolated],
    ]),
  ].join(' ');
}

/** What ebtables cannot match although the rules ask for it: the guard goes without these rules. */
export function isBeyondEbtables({ plainDestinationPort }: Match): boolean {
  return plainDestinationPort !== undefined;
}

/** The frames that do not have one source MAC: every frame has a MAC. Undefined for any other match. */
export function ebtablesUnless(match: Match): string | undefined {
  const { etherSource, ...others } = match;
  if (etherSource === undefined || Object.keys(others).length > 0) return undefined;
  return `-s ! ${etherSource}`;
}

function markOption(
  wanted: readonly (readonly [mark: number, set: boolean | undefined])[],
): readonly string[] {
  const asked = wanted.filter(([, set]) => set !== undefined);
  const marks = (pairs: typeof asked) => hex(bits(...pairs.map(([mark]) => mark)));
  return asked.length === 0 ? [] : [`--mark ${marks(asked.filter(([, set]) => set))}/${marks(asked)}`];
}

const ANY_MAC = '00:00:00:00:00:00/00:00:00:00:00:00';

/**
 * Comparing sender MAC and address, with any if need be, is what makes ebt_arp look for a whole message
 * with 6-byte and 4-byte addresses (net/bridge/netfilter/ebt_arp.c).
 */
function arpOptions(arp: NonNullable<Match['arp']>): readonly string[] {
  return [
    '--arp-htype 1 --arp-ptype 0x0800',
    ...(arp.operation === undefined ? [] : [`--arp-op ${arp.operation === 'request' ? 1 : 2}`]),
    `--arp-mac-src ${arp.senderMac ?? ANY_MAC}`,
    `--arp-ip-src ${arp.sender === undefined ? '0.0.0.0/0' : formatPrefix(arp.sender)}`,
    ...(arp.target === undefined ? [] : [`--arp-ip-dst ${formatPrefix(arp.target)}`]),
    ...(arp.gratuitous ? ['--arp-gratuitous'] : []),
  ];
}

function ipv4Options(match: Match): readonly string[] {
  return [
    ...addressOptions('ip', match),
    ...(typeof match.protocol === 'number' ? [`--ip-proto ${match.protocol}`] : []),
    ...portOptions('ip', match),
    ...(match.type === undefined
      ? []
      : [`--${match.protocol === IGMP ? 'ip-igmp-type' : 'ip-icmp-type'} ${range(match.type)}`]),
  ];
}

function ipv6Options(match: Match): readonly string[] {
  return [
    ...addressOptions('ip6', match),
    ...(match.protocol === undefined ? [] : [`--ip6-proto ${ipv6Protocol(match.protocol)}`]),
    ...portOptions('ip6', match),
    ...(match.type === undefined || match.protocol !== ICMPV6
      ? []
      : [`--ip6-icmp-type ${range(match.type)}`]),
  ];
}

/** An incomplete chain has no protocol at all, so that it is not "other than 59" (no next header) either. */
function ipv6Protocol(protocol: NonNullable<Match['protocol']>): string {
  if (protocol === 'complete') return '! 59';
  return protocol === 'later-fragment' ? '44' : String(protocol);
}

function addressOptions(family: 'ip' | 'ip6', { source, destination }: Match): readonly string[] {
  const option = (name: string, prefix?: IpPrefix) =>
    prefix === undefined || prefix.length === 0 ? [] : [`--${family}-${name} ${formatPrefix(prefix)}`];
  return [...option('src', source), ...option('dst', destination)];
}

function portOptions(family: 'ip' | 'ip6', match: Match): readonly string[] {
  const option = (name: string, ports?: Range) =>
    ports === undefined ? [] : [`--${family}-${name} ${range(ports)}`];
  return [
    ...option('sport', match.sourcePort),
    ...option('dport', match.destinationPort),
    ...option('sport !', match.sourcePortNot),
    ...option('dport !', match.destinationPortNot),
  ];
}

function range([first, last]: Range): string {
  return first === last ? String(first) : `${first}:${last}`;
}
