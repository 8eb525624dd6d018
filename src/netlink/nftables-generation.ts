import { parseAttributes, u32 } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { exchange, HEADER_BYTES } from './exchange.ts';
import { NETLINK_NETFILTER } from './socket.ts';

// include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h
export const NFT_MSG_NEWGEN = 0x0a0f;
const NFT_MSG_GETGEN = 0x0a10;
const NFTA_GEN_ID = u32(1);

/** `struct nfgenmsg`; of any family. */
const NFGENMSG_BYTES = 4;
const ATTRIBUTES_AT = HEADER_BYTES + NFGENMSG_BYTES;

/**
 * The generation of all nf_tables rules in the network namespace that we are in: each transaction of
 * any program makes it one more (nf_tables_getgen() in net/netfilter/nf_tables_api.c).
 *
 * @throws Error when the kernel refuses, which one without nf_tables does; MalformedMessageError.
 */
export function nftablesGeneration(): number {
  const payload = Buffer.alloc(NFGENMSG_BYTES);
  return readGeneration(exchange({ protocol: NETLINK_NETFILTER, type: NFT_MSG_GETGEN, payload }));
}

/** Undefined when the kernel has no nf_tables: the tools report that better. */
export function currentGeneration(): number | undefined {
  try {
    return nftablesGeneration();
  } catch {
    return undefined;
  }
}

/** @throws MalformedMessageError */
export function readGeneration(answer: Buffer): number {
  const isGeneration = answer.length >= ATTRIBUTES_AT && answer.readUInt16LE(4) === NFT_MSG_NEWGEN;
  const id = isGeneration ? parseAttributes(answer.subarray(ATTRIBUTES_AT)).get(NFTA_GEN_ID.type) : undefined;
  if (id?.length !== 4) throw new MalformedMessageError('the answer holds no generation of nf_tables');
  return id.readUInt32BE(0);
}
