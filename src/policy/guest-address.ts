import { type IpPrefix, parsePrefix, prefixesOverlap } from '../address/ip.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type { AddressSet } from './guard-policy.ts';

/** Blocks no host's address is in (RFC 6890, RFC 4291 section 2.5.5). */
const NOT_FOR_HOSTS = [
  ['0.0.0.0/8', 'unspecified addresses'],
  ['127.0.0.0/8', 'loopback addresses'],
  ['224.0.0.0/4', 'multicast addresses'],
  ['255.255.255.255', 'the broadcast address'],
  ['::', 'the unspecified address'],
  ['::1', 'the loopback address'],
  ['::ffff:0:0/96', 'IPv4-mapped addresses'],
  ['ff00::/8', 'multicast addresses'],
].map(([block = '', what = '']) => ({ block: parsePrefix(block), text: block, what }));

/**
 * Reads an address or prefix that a guest may own; link-local ones are among them.
 *
 * @throws InputError for bad syntax, and for a block that holds an address no host can have.
 */
export function parseGuestAddress(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  const taken = NOT_FOR_HOSTS.find(({ block }) => prefixesOverlap(block, prefix));
  if (taken === undefined) return prefix;
  throw new InputError(`${quote(text)} reaches into ${taken.text}, ${taken.what}, which no guest can own`);
}

/**
 * Reads a list of addresses between blanks: `any` alone is every address, and nothing is none.
 *
 * @throws InputError as parseGuestAddress, and when `any` stands beside addresses.
 */
export function parseAddressSet(words: readonly string[]): AddressSet {
  if (words.length === 1 && words[0] === 'any') return 'any';
  if (words.includes('any')) {
    throw new InputError('"any" stands beside addresses; write any alone, or the addresses alone');
  }
  return words.map(parseGuestAddress);
}
