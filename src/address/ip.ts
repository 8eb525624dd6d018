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
  const value = readAddress(address);
  if (value === undefined || rest.length > 0) {
    throw new InputError(`${quote(text)} is not an IP address or prefix; write 192.0.2.43 or 2001:db8::/64`);
  }
  const { family, bits } = value;
  const size = FAMILY_BITS[family];
  const length = lengthText === undefined ? size : parseLength(text, lengthText, size);
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

/** Not by node:net, whose isIPv6 is a regular expression that takes V8 milliseconds to compile. */
function readAddress(text: string): Pick<IpPrefix, 'family' | 'bits'> | undefined {
  const octets = ipv4Octets(text);
  if (octets !== undefined) return { family: 4, bits: join(octets, 8n) };
  const groups = ipv6Groups(text);
  return groups && { family: 6, bits: join(groups, 16n) };
}

function join(numbers: readonly number[], size: bigint): bigint {
  return numbers.reduce((bits, number) => (bits << size) | BigInt(number), 0n);
}

function ipv4Octets(text: string): readonly number[] | undefined {
  const octets = text
    .split('.')
    .map((octet) => (/^(0|[1-9]\d{0,2})$/.test(octet) ? Number(octet) : Number.NaN));
  return octets.length === 4 && octets.every((octet) => octet <= 255) ? octets : undefined;
}

/** The eight groups of an address, where "::" stands for one group of zeros or more (RFC 4291 section 2.2). */
function ipv6Groups(text: string): readonly number[] | undefined {
  const [head = '', tail, ...more] = text.split('::');
  const left = groupsOf(head, tail === undefined);
  const right = groupsOf(tail ?? '', true);
  if (left === undefined || right === undefined || more.length > 0) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...new Array<number>(missing).fill(0), ...right];
}

/** @param last whether the address ends here: the last two groups may be a dotted IPv4 address. */
function groupsOf(part: string, last: boolean): readonly number[] | undefined {
  const texts = part === '' ? [] : part.split(':');
  const octets = last ? ipv4Octets(texts.at(-1) ?? '') : undefined;
  const plain = octets === undefined ? texts : texts.slice(0, -1);
  if (!plain.every((text) => /^[\da-f]{1,4}$/i.test(text))) return undefined;
  const groups = plain.map((text) => Number.parseInt(text, 16));
  const [a = 0, b = 0, c = 0, d = 0] = octets ?? [];
  return octets === undefined ? groups : [...groups, (a << 8) | b, (c << 8) | d];
}

/** The prefix in text, RFC 5952 for IPv6; a full-length one is written as a plain address. */
export function formatPrefix(prefix: IpPrefix): string {
  const address = prefix.family === 4 ? formatIpv4(prefix.bits) : formatIpv6(prefix.bits);
  return isHost(prefix) ? address : `${address}/${prefix.length}`;
}

/** The network address as it travels: 4 or 16 bytes. */
export function addressBytes({ family, bits }: IpPrefix): Uint8Array {
  return Buffer.from(bits.toString(16).padStart(FAMILY_BITS[family] / 4, '0'), 'hex');
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

/** The block of a length that a longer prefix, or one as long, lies in. */
export function prefixAround({ family, bits }: IpPrefix, length: number): IpPrefix {
  return { family, bits: maskBits(bits, length, FAMILY_BITS[family]), length };
}

export function prefixContains(outer: IpPrefix, inner: IpPrefix): boolean {
  return (
    outer.family === inner.family &&
    outer.length <= inner.length &&
    prefixAround(inner, outer.length).bits === outer.bits
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
