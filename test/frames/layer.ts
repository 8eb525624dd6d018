import type { Bytes } from './bytes.ts';
import type { Ends } from './checksum.ts';

/** What an Ethernet frame carries. */
export interface NetworkLayer {
  readonly etherType: number;
  readonly bytes: Bytes;
}

/** What an IP packet carries; its checksum may cover the packet's addresses. */
export interface TransportLayer {
  readonly protocol: number;
  bytes(ends: Ends): Bytes;
}

/** Any octets as the payload of an Ethernet frame. */
export function rawNetwork(etherType: number, bytes: Bytes): NetworkLayer {
  return { etherType, bytes };
}

/** Any octets as the payload of an IP packet. */
export function rawTransport(protocol: number, bytes: Bytes): TransportLayer {
  return { protocol, bytes: () => bytes };
}
