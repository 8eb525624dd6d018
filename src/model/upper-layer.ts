import { type Octets, readU8, readU16 } from './octets.ts';

/** The first four octets of what an IP packet carries: ports, or type and code, as its protocol says. */
export interface UpperLayer {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly type: number;
}

/** Undefined when less than four octets are there (ebt_ip.c, ebt_ip6.c). */
export function parseUpperLayer(packet: Octets, at: number): UpperLayer | undefined {
  const sourcePort = readU16(packet, at);
  const destinationPort = readU16(packet, at + 2);
  const type = readU8(packet, at);
  return sourcePort === undefined || destinationPort === undefined || type === undefined
    ? undefined
    : { sourcePort, destinationPort, type };
}
