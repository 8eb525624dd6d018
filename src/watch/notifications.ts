import { be32, parseAttributes, text } from '../netlink/attributes.ts';
import { parseBridgeVlans } from '../netlink/bridge-vlan.ts';
import { parseFdbEntry } from '../netlink/fdb.ts';
import { parseLink } from '../netlink/link.ts';
import type { NetlinkReply } from '../netlink/message.ts';
import { parseNfnetlink } from '../netlink/nfnetlink.ts';
import { NFT_MSG_NEWGEN } from '../netlink/nftables-generation.ts';
import {
  AF_BRIDGE,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELVLAN,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWVLAN,
} from '../netlink/rtm.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../netlink/socket.ts';
import type { Groups } from '../netlink/subscription.ts';

// include/uapi/linux/rtnetlink.h
const RTNLGRP_LINK = 1;
const RTNLGRP_NEIGH = 3;
const RTNLGRP_BRVLAN = 33;

// include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h
const NFNLGRP_NFTABLES = 7;
const NFTA_GEN_PROC_PID = be32(2);
const NFTA_GEN_PROC_NAME = text(3);

/** What a guard stands in: links, forwarding entries, VLANs of ports, and every packet filter that is made of nftables. */
export const GROUPS: readonly Groups[] = [
  { protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_BRVLAN] },
  { protocol: NETLINK_NETFILTER, groups: [NFNLGRP_NFTABLES] },
];

/** A program that has changed rules. */
export interface Changer {
  readonly pid: number;
  readonly program: string;
}

/** Of chains, rules, sets and elements alike (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE ...). */
const NFTA_TABLE = text(1);
/**
 * The families that rules of ours are in (NFPROTO_*): bridge, and IPv6 for ip6tables; and those of which we have
 * a single rule, in this table.
 */
const FAMILIES: ReadonlyMap<number, string | undefined> = new Map([
  [7, undefined],
  [10, undefined],
  [1, 'vifguard'],
  [2, 'raw'],
]);

function isOurs(payload: Buffer): boolean {
  const { family, attributes } = parseNfnetlink(payload);
  const wanted = FAMILIES.get(family);
  if (wanted === undefined) return FAMILIES.has(family);
  const table = parseAttributes(attributes).get(NFTA_TABLE.type);
  return table !== undefined && NFTA_TABLE.read(table) === wanted;
}

/** Who has changed rules in a family of ours; a transaction may come in several parts. */
export class Transactions {
  #touchesOurs = false;

  /** Takes the next messages of NETLINK_NETFILTER. @throws MalformedMessageError */
  push(messages: readonly NetlinkReply[]): Changer[] {
    const changers: Changer[] = [];
    for (const { type, payload } of messages) {
      if (type !== NFT_MSG_NEWGEN) {
        this.#touchesOurs ||= isOurs(payload);
        continue;
      }
      if (this.#touchesOurs) changers.push(parseChanger(payload));
      this.#touchesOurs = false;
    }
    return changers;
  }
}

function parseChanger(payload: Buffer): Changer {
  const attributes = parseAttributes(parseNfnetlink(payload).attributes);
  const pid = attributes.get(NFTA_GEN_PROC_PID.type);
  const program = attributes.get(NFTA_GEN_PROC_NAME.type);
  return {
    pid: pid === undefined ? 0 : NFTA_GEN_PROC_PID.read(pid),
    program: program === undefined ? 'somebody' : NFTA_GEN_PROC_NAME.read(program),
  };
}

/** A link that something is new of: the link itself, a forwarding entry on it, or a VLAN of it. */
export interface Touched {
  readonly index: number;
  readonly name?: string;
  readonly address?: string;
}

/** Reads messages of NETLINK_ROUTE. @throws MalformedMessageError */
export function touchedLinks(messages: readonly NetlinkReply[]): Touched[] {
  return messages.flatMap(({ type, payload }): Touched[] => {
    if (type === RTM_NEWLINK || type === RTM_DELLINK) {
      const { index, name } = parseLink(payload);
      return [{ index, name }];
    }
    if (type === RTM_NEWVLAN || type === RTM_DELVLAN) {
      return parseBridgeVlans(payload).map(({ port }) => ({ index: port }));
    }
    if ((type !== RTM_NEWNEIGH && type !== RTM_DELNEIGH) || payload[0] !== AF_BRIDGE) return [];
    const { port, address } = parseFdbEntry(payload);
    return [{ index: port, address }];
  });
}

export function isRoute(protocol: number): boolean {
  return protocol === NETLINK_ROUTE;
}
