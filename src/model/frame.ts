import { type Arp, parseArp } from './arp.ts';
import { type Ethernet, parseEthernet } from './ethernet.ts';
import { type Ipv4, parseIpv4 } from './ipv4.ts';
import { type Ipv6, parseIpv6 } from './ipv6.ts';
import type { Octets } from './octets.ts';
import type { Reading } from './reading.ts';

/** A frame as a backend reads it, with all that rules ask about. What is too short or too malformed is undefined. */
export interface Frame extends Ethernet {
  readonly octets: Octets;
  readonly reading: Reading;
  readonly arp: Arp | undefined;
  readonly ipv4: Ipv4 | undefined;
  readonly ipv6: Ipv6 | undefined;
}

/** Takes any octets and throws nothing; undefined for what is too short to be a frame. */
export function parseFrame(octets: Octets, reading: Reading): Frame | undefined {
  const ethernet = parseEthernet(octets);
  if (ethernet === undefined) return undefined;
  const { etherType, payload } = ethernet;
  return {
    ...ethernet,
    octets,
    reading,
    arp: etherType === 'arp' ? parseArp(payload) : undefined,
    ipv4: etherType === 'ipv4' ? parseIpv4(payload, reading) : undefined,
    ipv6: etherType === 'ipv6' ? parseIpv6(payload, reading) : undefined,
  };
}
