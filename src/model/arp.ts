import { type Octets, readBits, readMac, readU8, readU16 } from './octets.ts';

/** An ARP message for Ethernet and IPv4 addresses (RFC 826). */
export interface Arp {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: string;
  readonly sender: bigint;
  readonly target: bigint;
}

const ETHERNET = 1;
const IPV4 = 0x0800;

/** Undefined for one with other addresses, and for one that is cut short. */
export function parseArp(packet: Octets): Arp | undefined {
  const isForUs =
    readU16(packet, 0) === ETHERNET &&
    readU16(packet, 2) === IPV4 &&
    readU8(packet, 4) === 6 &&
    readU8(packet, 5) === 4;
  const operation = readU16(packet, 6);
  const senderMac = readMac(packet, 8);
  const sender = readBits(packet, 14, 4);
  const target = readBits(packet, 24, 4);
  return !isForUs ||
    operation === undefined ||
    senderMac === undefined ||
    sender === undefined ||
    target === undefined
    ? undefined
    : { operation, senderMac, sender, target };
}
