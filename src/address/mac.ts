import { InputError } from '../errors.ts';
import { quote } from './quote.ts';

/** A unicast Ethernet address in canonical text: six lower-case hex pairs, `00:16:3e:38:b4:ac`. */
export type MacAddress = string & { readonly brand: 'MacAddress' };

const SYNTAX = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i;

/**
 * Reads an Ethernet address as libxl writes it: six hex numbers between colons.
 *
 * @throws InputError for anything else, and for a multicast, broadcast or all-zero address, which
 *   no port can own (IEEE 802-2014 section 8.2.2).
 */
export function parseMac(text: string): MacAddress {
  if (!SYNTAX.test(text)) {
    throw new InputError(
      `${quote(text)} is not a MAC address; write six hex pairs, such as 00:16:3e:38:b4:ac`,
    );
  }
  const mac = text
    .toLowerCase()
    .split(':')
    .map((pair) => pair.padStart(2, '0'))
    .join(':');
  if (Number.parseInt(mac.slice(0, 2), 16) & 1) {
    throw new InputError(`MAC address ${quote(text)} is a group address; a guest needs a unicast one`);
  }
  if (mac === '00:00:00:00:00:00') throw new InputError(`MAC address ${quote(text)} is all zero`);
  return mac as MacAddress;
}

/** The six bytes of an address. */
export function macBytes(mac: MacAddress): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}
