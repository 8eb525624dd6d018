import type { IpPrefix } from '../address/ip.ts';
import { parseAttributes } from './attributes.ts';
import { MalformedMessageError } from './error.ts';

// include/uapi/linux/if_addr.h, struct ifaddrmsg
const IFADDRMSG_BYTES = 8;
const IFA_LOCAL = 2;

const AF_INET = 2;

/** The payload of an RTM_GETADDR that dumps the IPv4 addresses. */
export function ipv4DumpQuery(): Buffer {
  const query = Buffer.alloc(IFADDRMSG_BYTES);
  query.writeUInt8(AF_INET, 0);
  return query;
}

/** Reads the payload of an RTM_NEWADDR about an IPv4 address. @throws MalformedMessageError */
export function parseIpv4Address(payload: Buffer): IpPrefix {
  if (payload.length < IFADDRMSG_BYTES) {
    throw new MalformedMessageError(`an address of ${payload.length} bytes`);
  }
  // IFA_ADDRESS is the other end's where a link has two, as a tunnel does.
  const local = parseAttributes(payload.subarray(IFADDRMSG_BYTES)).get(IFA_LOCAL);
  if (local?.length !== 4) throw new MalformedMessageError('an address without its four bytes');
  return { family: 4, bits: BigInt(local.readUInt32BE()), length: 32 };
}

/**
 * Reads /proc/net/if_inet6 (if6_seq_show() in net/ipv6/addrconf.c): a line for each address, its 32 hex digits and
 * the interface's index first. Of link-local addresses only those of one link.
 */
export function parseIfInet6(text: string, link: number): IpPrefix[] {
  return [...text.matchAll(/^([\da-f]{32}) ([\da-f]+) /gm)]
    .filter(([, digits = '', index = '']) => !/^fe[89ab]/.test(digits) || Number.parseInt(index, 16) === link)
    .map(([, digits]) => ({ family: 6, bits: BigInt(`0x${digits}`), length: 128 }));
}
