import { text } from './attributes.ts';
import { NetlinkError } from './error.ts';
import { exchange } from './exchange.ts';
import { formatNfnetlink } from './nfnetlink.ts';
import { NETLINK_NETFILTER } from './socket.ts';

/** A table of nf_tables. */
export interface NftablesTable {
  /** NFPROTO_*. */
  readonly family: number;
  readonly name: string;
}

// include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h
const NFT_MSG_NEWTABLE = 0x0a00;
const NFT_MSG_GETTABLE = 0x0a01;
const NFTA_TABLE_NAME = text(1);

/**
 * Whether it is there, in the network namespace that we are in.
 *
 * @throws NetlinkError when the kernel answers nothing, as one without nf_tables.
 */
export function isTableThere({ family, name }: NftablesTable): boolean {
  const payload = formatNfnetlink({ family, attributes: [NFTA_TABLE_NAME.write(name)] });
  try {
    const answer = exchange(NETLINK_NETFILTER, [{ type: NFT_MSG_GETTABLE, flags: 0, payload }]);
    return answer.some(({ type }) => type === NFT_MSG_NEWTABLE);
  } catch (cause) {
    throw new NetlinkError({ operation: 'look for tables of nf_tables', errno: 'EIO' }, { cause });
  }
}
