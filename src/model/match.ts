import { FAMILY_BITS, type IpFamily, type IpPrefix } from '../address/ip.ts';
import type { Match, Provenance, Range } from '../rules/rule.ts';
import type { Arp } from './arp.ts';
import type { Frame } from './frame.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Ipv6 } from './ipv6.ts';
import { isNdMessage, ndTargetOf } from './neighbor-discovery.ts';
import type { UpperLayer } from './upper-layer.ts';

/** Whether a frame matches. A field that is missing or cut short does not match. */
export function matches(match: Match, frame: Frame, provenance?: Provenance): boolean {
  return (
    is(match.etherSource, (mac) => frame.source === mac) &&
    is(match.etherDestination, (masked) => isMaskedMac(frame.destination, masked)) &&
    is(match.etherType, (etherType) => frame.etherType === etherType) &&
    is(match.arp, (arp) => frame.arp !== undefined && isArp(frame.arp, arp)) &&
    isPacket(match, frame) &&
    is(match.fromPeer, (peer) => (provenance?.peer === true) === peer) &&
    is(match.fromIsolated, (isolated) => (provenance?.isolated === true) === isolated)
  );
}

/** A field that the match does not give always holds. */
function is<Value>(field: Value | undefined, holds: (value: Value) => boolean): boolean {
  return field === undefined || holds(field);
}

function isMaskedMac(mac: string, { address, mask }: { address: string; mask: string }): boolean {
  const value = (text: string) => Number.parseInt(text.replaceAll(':', ''), 16);
  if (mask === ALL_BITS) return mac === address;
  return (BigInt(value(mac)) & BigInt(value(mask))) === BigInt(value(address));
}

const ALL_BITS = 'ff:ff:ff:ff:ff:ff';

function isArp(arp: Arp, match: NonNullable<Match['arp']>): boolean {
  return (
    is(match.operation, (operation) => arp.operation === (operation === 'request' ? 1 : 2)) &&
    is(match.senderMac, (mac) => arp.senderMac === mac) &&
    is(match.sender, (prefix) => isWithin(4, arp.sender, prefix)) &&
    is(match.target, (prefix) => isWithin(4, arp.target, prefix)) &&
    is(match.gratuitous, () => arp.sender === arp.target)
  );
}

function isPacket(match: Match, { ipv4, ipv6 }: Frame): boolean {
  const { source, destination, protocol, sourcePort, destinationPort, type } = match;
  const outside = [match.sourcePortNot, match.destinationPortNot];
  const asksForIp = [
    ...[source, destination, protocol, sourcePort, destinationPort, type, match.fragmented],
    ...[match.plainDestinationPort, match.plainDestinationPortNot],
    ...outside,
  ];
  const asksForNd = match.nd !== undefined || match.ndTarget !== undefined;
  if (asksForIp.every((field) => field === undefined) && !asksForNd) return true;
  if (ipv4 !== undefined) return isIpv4(ipv4, match);
  return ipv6 !== undefined && isIpv6(ipv6, match);
}

function isIpv4(ipv4: Ipv4, match: Match): boolean {
  return (
    is(match.source, (prefix) => isWithin(4, ipv4.source, prefix)) &&
    is(match.destination, (prefix) => isWithin(4, ipv4.destination, prefix)) &&
    is(match.protocol, (protocol) => ipv4.protocol === protocol) &&
    isUpperLayer(ipv4.upper, match) &&
    is(match.plainDestinationPort, (range) => isInRange(ipv4.plainDestinationPort, range)) &&
    is(match.plainDestinationPortNot, (range) => !isInRange(ipv4.plainDestinationPort, range)) &&
    match.fragmented === undefined &&
    match.nd === undefined &&
    match.ndTarget === undefined
  );
}

function isIpv6(ipv6: Ipv6, match: Match): boolean {
  return (
    is(match.source, (prefix) => isWithin(6, ipv6.source, prefix)) &&
    is(match.destination, (prefix) => isWithin(6, ipv6.destination, prefix)) &&
    is(match.protocol, (protocol) => isIpv6Protocol(ipv6, protocol)) &&
    isUpperLayer(ipv6.upper, match) &&
    is(match.fragmented, () => ipv6.fragmented) &&
    is(match.nd, (nd) => isNdMessage(ipv6, nd)) &&
    is(match.ndTarget, (prefix) => isWithin(6, ndTargetOf(ipv6), prefix))
  );
}

function isIpv6Protocol({ chain }: Ipv6, protocol: NonNullable<Match['protocol']>): boolean {
  if (protocol === 'later-fragment') return chain.end === 'later-fragment';
  if (protocol === 'complete') return chain.end === 'upper-layer';
  return chain.end === 'upper-layer' && chain.protocol === protocol;
}

function isUpperLayer(upper: UpperLayer | undefined, match: Match): boolean {
  const { sourcePort, destinationPort, type } = match;
  return (
    is(sourcePort, (range) => isInRange(upper?.sourcePort, range)) &&
    is(destinationPort, (range) => isInRange(upper?.destinationPort, range)) &&
    is(match.sourcePortNot, (range) => isOutside(upper?.sourcePort, range)) &&
    is(match.destinationPortNot, (range) => isOutside(upper?.destinationPort, range)) &&
    is(type, (range) => isInRange(upper?.type, range))
  );
}

function isInRange(value: number | undefined, [first, last]: Range): boolean {
  return value !== undefined && value >= first && value <= last;
}

function isOutside(value: number | undefined, range: Range): boolean {
  return value !== undefined && !isInRange(value, range);
}

function isWithin(family: IpFamily, address: bigint | undefined, prefix: IpPrefix): boolean {
  if (address === undefined || prefix.family !== family) return false;
  const host = BigInt(FAMILY_BITS[family] - prefix.length);
  return address >> host === prefix.bits >> host;
}
