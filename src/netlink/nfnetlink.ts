import { MalformedMessageError } from './error.ts';

/** `struct nfgenmsg` (include/uapi/linux/netfilter/nfnetlink.h). */
const HEADER_BYTES = 4;

interface Contents {
  /** NFPROTO_*; 0 where none is meant. */
  readonly family: number;
  /** A group or a subsystem, by what the message is for. */
  readonly resource?: number;
  readonly attributes?: readonly Uint8Array[];
}

/** The payload of a message of NETLINK_NETFILTER. */
export function formatNfnetlink({ family, resource = 0, attributes = [] }: Contents): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(family, 0);
  header.writeUInt16BE(resource, 2);
  return Buffer.concat([header, ...attributes]);
}

/** The family and the attributes of such a payload, as a view of it. @throws MalformedMessageError */
export function parseNfnetlink(payload: Buffer): { readonly family: number; readonly attributes: Buffer } {
  if (payload.length < HEADER_BYTES) {
    throw new MalformedMessageError(`a netfilter message of ${payload.length} bytes`);
  }
  return { family: payload.readUInt8(0), attributes: payload.subarray(HEADER_BYTES) };
}
