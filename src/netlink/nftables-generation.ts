import { closeSync } from 'node:fs';
import { parseAttributes, u32 } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { NLM_F_REQUEST } from './message.ts';
import { NETLINK_NETFILTER, netlinkSocket } from './socket.ts';
import { systemCall } from './syscall.ts';

const MSG_DONTWAIT = 0x40;

// include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h
export const NFT_MSG_NEWGEN = 0x0a0f;
const NFT_MSG_GETGEN = 0x0a10;
const NFTA_GEN_ID = u32(1);

const HEADER_BYTES = 16;
/** A `struct nfgenmsg` behind the header; of any family. */
const REQUEST_BYTES = HEADER_BYTES + 4;

/**
 * The generation of all nf_tables rules in the network namespace that we are in: each transaction of
 * any program makes it one more (nf_tables_getgen() in net/netfilter/nf_tables_api.c). The kernel has
 * answered by the time that it has taken the request, so nothing waits here.
 *
 * @throws Error when the kernel refuses, which one without nf_tables does; MalformedMessageError.
 */
export function nftablesGeneration(): number {
  const fd = netlinkSocket(NETLINK_NETFILTER);
  try {
    const request = Buffer.alloc(REQUEST_BYTES);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(NFT_MSG_GETGEN, 4);
    request.writeUInt16LE(NLM_F_REQUEST, 6);
    systemCall('sendto', fd, request, request.length, 0, 0, 0);
    const answer = Buffer.alloc(4096);
    const length = systemCall('recvfrom', fd, answer, answer.length, MSG_DONTWAIT, 0, 0);
    return readGeneration(answer.subarray(0, length));
  } finally {
    closeSync(fd);
  }
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
  const isGeneration = answer.length >= REQUEST_BYTES && answer.readUInt16LE(4) === NFT_MSG_NEWGEN;
  const id = isGeneration ? parseAttributes(answer.subarray(REQUEST_BYTES)).get(NFTA_GEN_ID.type) : undefined;
  if (id?.length !== 4) throw new MalformedMessageError('the answer holds no generation of nf_tables');
  return id.readUInt32BE(0);
}
