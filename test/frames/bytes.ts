import { parsePrefix } from '../../src/address/ip.ts';

/** Octets in network order: a field, a layer or a whole frame. */
export type Bytes = Uint8Array;

export function concat(...parts: readonly Bytes[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

export function zeros(length: number): Bytes {
  return new Uint8Array(length);
}

export function u8(...values: readonly number[]): Bytes {
  return Uint8Array.from(values);
}

export function u16(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value]));
}

export function u32(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [value >>> 24, value >>> 16, value >>> 8, value]));
}

export function ascii(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export function fromHex(text: string): Bytes {
  return new Uint8Array(Buffer.from(text.replace(/[\s:]/g, ''), 'hex'));
}

export function toHex(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex');
}

/** Any six octets, group addresses too: `33:33:00:00:00:01`. */
export function mac(text: string): Bytes {
  return fromHex(text);
}

/** The 4 or 16 octets of an address. */
export function ip(text: string): Bytes {
  const { bits, family } = parsePrefix(text);
  return fromHex(bits.toString(16).padStart(family === 4 ? 8 : 32, '0'));
}

/** The bytes, with zeros behind them, as many as make the length a multiple of `unit`. */
export function padTo(unit: number, bytes: Bytes): Bytes {
  return concat(bytes, zeros((unit - (bytes.length % unit)) % unit));
}
