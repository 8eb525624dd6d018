import { isIPv4, isIPv6 } from 'node:net';
import { InputError } from '../errors.ts';
import { type MacAddress, macBytes } from './mac.ts';
import { quote } from './quote.ts';

export type IpFamily = 4 | 6;

/** A block of addresses; a single address is a block of full length. Host bits are zero. */
export interface IpPrefix {
  readonly family: IpFamily;
  /** The network address as an unsigned number of 32 or 128 bits. */
  readonly bits: bigint;
  /** Prefix length in bits: 0..32 or 0..128. */
  readonly length: number;
}

export const FAMILY_BITS = { 4: 32, 6: 128 } as const;

/** Eight groups, the last two in dotted form, and `/128`. */
const LONGEST_TEXT = 49;

/**
 * Reads `192.0.2.43`, `198.51.100.0/24`, `2001:db8::1` or `2001:db8::/64` (RFC 4632, RFC 4291).
 *
 * @throws InputError when it is neither, or when host bits are set below the prefix length.
 */
export function parsePrefix(text: string): IpPrefix {
  const [address = '', lengthText, ...rest] = text.length > LONGEST_TEXT ? [] : text.split('/');
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes('%') ? 6 : undefined;
  if (family === undefined || rest.length > 0) {
    throw new InputError(`${quote(text)} is not an IP address or prefix; write 192.0.2.43 or 2001:db8::/64`);
  }
  const size = FAMILY_BITS[family];
  const length = lengthText === undefined ? size : parseLength(text, lengthText, size);
  const bits = family === 4 ? ipv4Bits(address) : ipv6Bits(address);
  const prefix = { family, bits: maskBits(bits, length, size), length } as const;
  if (prefix.bits !== bits) {
    throw new InputError(
      `${quote(text)} has bits set below its prefix length; write ${formatPrefix(prefix)}`,
    );
  }
  return prefix;
}

function parseLength(text: string, lengthText: string, size: number): number {
  const length = /^(0|[1-9]\d{0,2})$/.test(lengthText) ? Number(lengthText) : Number.NaN;
  if (!(length <= size)) {
    throw new InputError(`${quote(text)} has no valid prefix length; it is a number from 0 to ${size}`);
  }
  return length;
}

function maskBits(bits: bigint, length: number, size: number): bigint {
  const shift = BigInt(size - length);
  return (bits >> shift) << shift;
}

function ipv4Bits(address: string): bigint {
  return address.split('.').reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n);
}

function ipv6Bits(address: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const tail = dotted?.[2] === undefined ? undefined : ipv4Bits(dotted[2]);
  const text =
    tail === undefined
      ? address
      : `${dotted?.[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
  const [head = '', rest] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(rest ?? '');
  const middle = rest === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...middle, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** The prefix in text, RFC 5952 for IPv6; a full-length one is written as a plain address. */
export function formatPrefix(prefix: IpPrefix): string {
  const address = prefix.family === 4 ? formatIpv4(prefix.bits) : formatIpv6(prefix.bits);
  return isHost(prefix) ? address : `${address}/${prefix.length}`;
}

export function isHost(prefix: IpPrefix): boolean {
  return prefix.length === FAMILY_BITS[prefix.family];
}

function formatIpv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
}

function formatIpv6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  // RFC 5952 section 4.2: the longest run of at least two zero groups, the first of equals, becomes "::".
  const runs = [...groups.join(':').matchAll(/\b0(?::0)+\b/g)].map((match) => match[0]);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return groups.join(':');
  const [before = '', after = ''] = splitOnce(groups.join(':'), longest);
  return `${before.replace(/:$/, '')}::${after.replace(/^:/, '')}`;
}

function splitOnce(text: string, run: string): [string, string] {
  const at = text.search(new RegExp(`\\b${run}\\b`));
  return [text.slice(0, at), text.slice(at + run.length)];
}

export function prefixContains(outer: IpPrefix, inner: IpPrefix): boolean {
  return (
    outer.family === inner.family &&
    outer.length <= inner.length &&
    maskBits(inner.bits, outer.length, FAMILY_BITS[inner.family]) === outer.bits
  );
}

/** Whether two blocks share an address; of two blocks that do, one holds the other. */
export function prefixesOverlap(a: IpPrefix, b: IpPrefix): boolean {
  return prefixContains(a, b) || prefixContains(b, a);
}

/** The modified EUI-64 link-local address of a MAC (RFC 4291 appendix A). */
export function eui64LinkLocal(mac: MacAddress): IpPrefix {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macBytes(mac);
  const id = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  return { family: 6, bits: (0xfe80n << 112n) | id, length: 128 };
}
