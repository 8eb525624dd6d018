import { type IpPrefix, parsePrefix } from '../address/ip.ts';
import { parseAttributes } from './attributes.ts';
import { MalformedMessageError } from './error.ts';

/** An IP address of this host. */
export interface HostAddress {
  /** The index of the interface that has it. */
  readonly index: number;
  readonly address: IpPrefix;
}

// include/uapi/linux/if_addr.h, struct ifaddrmsg
const IFADDRMSG_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** The payload of an RTM_GETADDR that dumps the addresses of every family. */
export function addressDumpQuery(): Buffer {
  return Buffer.alloc(IFADDRMSG_BYTES);
}

/** Reads the payload of an RTM_NEWADDR; undefined for a family that is not IP. @throws MalformedMessageError */
export function parseHostAddress(payload: Buffer): HostAddress | undefined {
  if (payload.length < IFADDRMSG_BYTES) {
    throw new MalformedMessageError(`an address of ${payload.length} bytes`);
  }
  const attributes = parseAttributes(payload.subarray(IFADDRMSG_BYTES));
  // IFA_ADDRESS is the other end's where a link has two, as a tunnel does.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const text = bytes && textOf(bytes);
  return text === undefined ? undefined : { index: payload.readUInt32LE(4), address: parsePrefix(text) };
}

function textOf(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return [...bytes].join('.');
  if (bytes.length !== 16) return undefined;
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(2 * group).toString(16)).join(':');
}
