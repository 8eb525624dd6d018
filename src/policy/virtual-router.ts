import { type IpPrefix, isHost } from '../address/ip.ts';
import { type MacAddress, parseMac } from '../address/mac.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type { VirtualRouter } from './guard-policy.ts';
import { parseGuestAddress } from './guest-address.ts';

/**
 * Reads the words `VRID ADDRESS...`, such as `51 192.0.2.1 2001:db8::1`.
 *
 * @throws InputError for a VRID out of 1..255, no address, or a prefix in place of an address.
 */
export function parseVirtualRouter(words: readonly string[]): VirtualRouter {
  const [idText = '', ...addresses] = words;
  const id = /^[1-9]\d{0,2}$/.test(idText) ? Number(idText) : Number.NaN;
  if (!(id <= 255)) throw new InputError(`${quote(idText)} is not a VRID; it is a number from 1 to 255`);
  if (addresses.length === 0) {
    throw new InputError(`virtual router ${id} has no address; write vrrp=${id} ADDRESS...`);
  }
  return { id, addresses: addresses.map(parseVirtualAddress) };
}

function parseVirtualAddress(text: string): IpPrefix {
  const prefix = parseGuestAddress(text);
  if (isHost(prefix)) return prefix;
  throw new InputError(`virtual address ${quote(text)} is a prefix; write one address`);
}

/** The virtual MACs of a virtual router, one for each family it has addresses in (RFC 5798 section 7.3). */
export function virtualMacs({ id, addresses }: VirtualRouter): MacAddress[] {
  const vrid = id.toString(16).padStart(2, '0');
  const families = new Set(addresses.map(({ family }) => family));
  return [
    ...(families.has(4) ? [parseMac(`00:00:5e:00:01:${vrid}`)] : []),
    ...(families.has(6) ? [parseMac(`00:00:5e:00:02:${vrid}`)] : []),
  ];
}
