import { InputError } from '../errors.ts';
import { quote } from './quote.ts';

/** IPv4 needs as much (RFC 791 section 3.2). */
const SMALLEST = 68;
const LARGEST = 65_535;

/** Reads the MTU of a device, in octets. @throws InputError for anything but a number from 68 to 65535. */
export function parseMtu(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= SMALLEST && value <= LARGEST) return value;
  throw new InputError(`${quote(text)} is no MTU; write a number from ${SMALLEST} to ${LARGEST}`);
}
