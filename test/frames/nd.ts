import { type Bytes, concat, ip, mac, padTo, u8, u16, u32, zeros } from './bytes.ts';
import { icmpv6 } from './icmpv6.ts';
import type { TransportLayer } from './layer.ts';

/** Any ND option: type, length in units of eight octets, data padded to fit. */
export function ndOption(type: number, data: Bytes): Bytes {
  const body = padTo(8, concat(u8(type, 0), data));
  return concat(u8(type, body.length / 8), body.subarray(2));
}

export function sourceLinkLayer(address: string): Bytes {
  return ndOption(1, mac(address));
}

export function targetLinkLayer(address: string): Bytes {
  return ndOption(2, mac(address));
}

export interface PrefixInformation {
  readonly prefix: string;
  readonly length?: number;
  /** Seconds. */
  readonly lifetime?: number;
}

/** On-link and autonomous, RFC 4861 section 4.6.2. */
export function prefixInformation({ prefix, length = 64, lifetime = 3600 }: PrefixInformation): Bytes {
  return ndOption(3, concat(u8(length, 0xc0), u32(lifetime, lifetime, 0), ip(prefix)));
}

export function mtuOption(mtu: number): Bytes {
  return ndOption(5, concat(zeros(2), u32(mtu)));
}

/** The nonce of enhanced DAD, RFC 7527; six octets fill the option. */
export function nonceOption(nonce: Bytes): Bytes {
  return ndOption(14, nonce);
}

/** Recursive DNS servers, RFC 8106. */
export function rdnssOption(servers: readonly string[]): Bytes {
  return ndOption(25, concat(zeros(2), u32(3600), ...servers.map(ip)));
}

/** RFC 4861 section 4.1. */
export function routerSolicitation(...options: readonly Bytes[]): TransportLayer {
  return icmpv6({ type: 133 }, concat(zeros(4), ...options));
}

export interface RouterAdvertisement {
  readonly hopLimit?: number;
  readonly managed?: boolean;
  readonly otherConfig?: boolean;
  /** Seconds; 0 is "no default router". */
  readonly lifetime?: number;
}

/** RFC 4861 section 4.2. */
export function routerAdvertisement(
  fields: RouterAdvertisement,
  ...options: readonly Bytes[]
): TransportLayer {
  const flags = (fields.managed ? 0x80 : 0) | (fields.otherConfig ? 0x40 : 0);
  const head = concat(u8(fields.hopLimit ?? 64, flags), u16(fields.lifetime ?? 1800), u32(0, 0));
  return icmpv6({ type: 134 }, concat(head, ...options));
}

/** RFC 4861 section 4.3. */
export function neighborSolicitation(target: string, ...options: readonly Bytes[]): TransportLayer {
  return icmpv6({ type: 135 }, concat(zeros(4), ip(target), ...options));
}

export interface NeighborAdvertisement {
  readonly target: string;
  readonly router?: boolean;
  readonly solicited?: boolean;
  readonly override?: boolean;
}

/** RFC 4861 section 4.4. */
export function neighborAdvertisement(
  fields: NeighborAdvertisement,
  ...options: readonly Bytes[]
): TransportLayer {
  const flags = (fields.router ? 0x80 : 0) | (fields.solicited ? 0x40 : 0) | (fields.override ? 0x20 : 0);
  return icmpv6({ type: 136 }, concat(u8(flags, 0, 0, 0), ip(fields.target), ...options));
}

export interface Redirect {
  readonly target: string;
  readonly destination: string;
}

/** RFC 4861 section 4.5. */
export function redirect(fields: Redirect, ...options: readonly Bytes[]): TransportLayer {
  return icmpv6({ type: 137 }, concat(zeros(4), ip(fields.target), ip(fields.destination), ...options));
}

/** The solicited-node group of an address, RFC 4291 section 2.7.1. */
export function solicitedNode(address: string): string {
  const [a = 0, b = 0, c = 0] = ip(address).subarray(13);
  return `ff02::1:ff${a.toString(16).padStart(2, '0')}:${((b << 8) | c).toString(16)}`;
}
