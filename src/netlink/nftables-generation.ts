import { be32, parseAttributes } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { exchange } from './exchange.ts';
import type { NetlinkReply } from './message.ts';
import { formatNfnetlink, parseNfnetlink } from './nfnetlink.ts';
import { NETLINK_NETFILTER } from './socket.ts';

// include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h
export const NFT_MSG_NEWGEN = 0x0a0f;
const NFT_MSG_GETGEN = 0x0a10;
const NFTA_GEN_ID = be32(1);

/**
 * The generation of all nf_tables rules in the network namespace that we are in: each transaction of
 * any program makes it one more (nf_tables_getgen() in net/netfilter/nf_tables_api.c).
 *
 * @throws Error when the kernel refuses, which one without nf_tables does; MalformedMessageError.
 */
export function nftablesGeneration(): number {
  const payload = formatNfnetlink({ family: 0 });
  return readGeneration(exchange(NETLINK_NETFILTER, [{ type: NFT_MSG_GETGEN, flags: 0, payload }]));
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
export function readGeneration([answer]: readonly NetlinkReply[]): number {
  const id =
    answer?.type === NFT_MSG_NEWGEN
      ? parseAttributes(parseNfnetlink(answer.payload).attributes).get(NFTA_GEN_ID.type)
      : undefined;
  if (id === undefined) throw new MalformedMessageError('the answer holds no generation of nf_tables');
  return NFTA_GEN_ID.read(id);
}
