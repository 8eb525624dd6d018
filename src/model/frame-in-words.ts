import { formatPrefix, type IpFamily } from '../address/ip.ts';
import { ICMPV6 } from '../rules/protocols.ts';
import type { Arp } from './arp.ts';
import type { Frame } from './frame.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Ipv6 } from './ipv6.ts';
import { MESSAGE_TYPES, NAMED_PROTOCOLS, nameOf, PORTED, TYPED } from './message-types.ts';
import { ndTargetOf } from './neighbor-discovery.ts';
import type { UpperLayer } from './upper-layer.ts';

/** A frame on one line; where `frameFromWords` has a form for it, in that form. */
export function frameInWords(frame: Frame): string {
  return `${frame.source} > ${frame.destination}, ${payloadInWords(frame)}`;
}

/** The same without the MACs. */
export function payloadInWords({ etherType, etherTypeNumber, arp, ipv4, ipv6 }: Frame): string {
  if (arp !== undefined) return arpInWords(arp);
  if (ipv4 !== undefined) return ipv4InWords(ipv4);
  if (ipv6 !== undefined) return ipv6InWords(ipv6);
  switch (etherType) {
    case 'arp':
    case 'ipv4':
    case 'ipv6':
      return `malformed ${etherType}`;
    case 'vlan':
    case 'service-vlan':
      return `tagged (ethertype 0x${etherTypeNumber.toString(16)})`;
    case 'length':
      return 'LLC';
    default:
      return `ethertype 0x${etherTypeNumber.toString(16).padStart(4, '0')}`;
  }
}

function arpInWords({ operation, senderMac, sender, target }: Arp): string {
  if (operation === 1) return `arp who-has ${address(4, target)} tell ${address(4, sender)}`;
  if (operation === 2) return `arp ${address(4, sender)} is-at ${senderMac}`;
  return `arp operation ${operation} from ${address(4, sender)}`;
}

function ipv4InWords({ source, destination, protocol, upper }: Ipv4): string {
  const ends = { source: address(4, source), destination: address(4, destination) };
  return packetInWords(protocol, upper, ends);
}

function ipv6InWords(ipv6: Ipv6): string {
  const ends = { source: address(6, ipv6.source), destination: address(6, ipv6.destination) };
  const { chain, upper } = ipv6;
  if (chain.end !== 'upper-layer') return `ip ${chain.end} ${ends.source} > ${ends.destination}`;
  const target = upper && isAboutNeighbor(chain.protocol, upper.type) ? ndTargetOf(ipv6) : undefined;
  if (target === undefined || upper === undefined) return packetInWords(chain.protocol, upper, ends);
  return `icmp6 ${nameOf(MESSAGE_TYPES.icmp6, upper.type)} ${address(6, target)} from ${ends.source}`;
}

function isAboutNeighbor(protocol: number, type: number): boolean {
  const isNd = type === ICMPV6.neighborSolicitation || type === ICMPV6.neighborAdvertisement;
  return protocol === TYPED.get('icmp6') && isNd;
}

function packetInWords(
  protocol: number,
  upper: UpperLayer | undefined,
  { source, destination }: { source: string; destination: string },
): string {
  const typed = nameOf(TYPED, protocol);
  const ported = nameOf(PORTED, protocol);
  if (upper !== undefined && typed !== undefined) {
    const type = nameOf(MESSAGE_TYPES[typed], upper.type) ?? upper.type;
    return `${typed} ${type} ${source} > ${destination}`;
  }
  if (upper !== undefined && ported !== undefined) {
    const { sourcePort, destinationPort } = upper;
    return `${ported} ${endpoint(source, sourcePort)} > ${endpoint(destination, destinationPort)}`;
  }
  return `ip ${nameOf(NAMED_PROTOCOLS, protocol) ?? protocol} ${source} > ${destination}`;
}

function address(family: IpFamily, bits: bigint): string {
  return formatPrefix({ family, bits, length: family === 4 ? 32 : 128 });
}

function endpoint(text: string, port: number): string {
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}
