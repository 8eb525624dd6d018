/** Octets in network order. */
export type Octets = Uint8Array;

// Bounds-checked reading: undefined for what is not wholly there.

export function readU8(octets: Octets, at: number): number | undefined {
  return octets[at];
}

export function readU16(octets: Octets, at: number): number | undefined {
  const high = octets[at];
  const low = octets[at + 1];
  return high === undefined || low === undefined ? undefined : (high << 8) | low;
}

/** An unsigned number of any length, such as an address. */
export function readBits(octets: Octets, at: number, length: number): bigint | undefined {
  const field = readField(octets, at, length);
  return field === undefined ? undefined : BigInt(`0x${hex(field)}`);
}

export function readField(octets: Octets, at: number, length: number): Octets | undefined {
  return at + length > octets.length ? undefined : octets.subarray(at, at + length);
}

/** A MAC in the text form of MacAddress; any six octets. */
export function readMac(octets: Octets, at: number): string | undefined {
  const field = readField(octets, at, 6);
  return field && Array.from(field, pair).join(':');
}

const PAIRS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

function pair(octet: number): string {
  return PAIRS[octet] ?? '';
}

export function hex(octets: Octets): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex');
}
