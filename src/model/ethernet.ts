import type { EtherType } from '../rules/rule.ts';
import { type Octets, readMac, readU16 } from './octets.ts';

/** An Ethernet header (IEEE 802.3 clause 3), the outermost tag taken for an ethertype. */
export interface Ethernet {
  readonly destination: string;
  readonly source: string;
  /** Undefined for an ethertype that the rules do not name. */
  readonly etherType: EtherType | undefined;
  readonly etherTypeNumber: number;
  readonly payload: Octets;
}

const HEADER_LENGTH = 14;

/** Smaller values are a length, and an LLC header follows (IEEE 802.3 clause 3.2.6). */
const FIRST_ETHERTYPE = 0x600;

const ETHERTYPES = new Map<number, EtherType>([
  [0x0800, 'ipv4'],
  [0x0806, 'arp'],
  [0x86dd, 'ipv6'],
  [0x8100, 'vlan'],
  [0x88a8, 'service-vlan'],
]);

/** Undefined for what is too short to be a frame. */
export function parseEthernet(octets: Octets): Ethernet | undefined {
  const destination = readMac(octets, 0);
  const source = readMac(octets, 6);
  const etherTypeNumber = readU16(octets, 12);
  if (destination === undefined || source === undefined || etherTypeNumber === undefined) return undefined;
  const etherType = etherTypeNumber < FIRST_ETHERTYPE ? 'length' : ETHERTYPES.get(etherTypeNumber);
  return { destination, source, etherType, etherTypeNumber, payload: octets.subarray(HEADER_LENGTH) };
}
