import { type Bytes, concat, ip, u8, u16, u32 } from './bytes.ts';

/** The addresses of a packet, which transport checksums cover. */
export interface Ends {
  readonly src: string;
  readonly dst: string;
}

/** The Internet checksum, RFC 1071. */
export function checksum(bytes: Bytes): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The checksum with the pseudo-header of RFC 9293 section 3.1 (IPv4) or RFC 8200 section 8.1 (IPv6). */
export function transportChecksum(ends: Ends, protocol: number, bytes: Bytes): number {
  const addresses = concat(ip(ends.src), ip(ends.dst));
  return checksum(concat(addresses, u32(bytes.length), u8(0, 0, 0, protocol), bytes));
}

/** The bytes with a checksum written at `offset`. */
export function withChecksum(bytes: Bytes, offset: number, value: number): Bytes {
  return concat(bytes.subarray(0, offset), u16(value), bytes.subarray(offset + 2));
}
