import { be32, bytesAttribute, nestedAttribute, text } from './attributes.ts';
import { errnoName, NetlinkError } from './error.ts';
import { exchangeInTurn } from './exchange.ts';
import { type NetlinkRequest, NLM_F_ACK, NLM_F_CREATE, readAnswer } from './message.ts';
import { formatNfnetlink } from './nfnetlink.ts';
import type { NftablesTable } from './nftables-table.ts';
import { NETLINK_NETFILTER } from './socket.ts';

/** An element of a set or a verdict map of nf_tables. */
export interface SetElement {
  /** As the kernel has it in its registers: network order, but for what is the host's own, such as an interface's index. */
  readonly key: readonly { readonly bytes: Uint8Array }[];
  /** In a verdict map, the chain to jump to. */
  readonly jump?: string;
}

export interface ElementChange {
  /** To add one that is there is fine, unless it jumps elsewhere; to delete one that is not there, is not. */
  readonly verb: 'add' | 'delete';
  readonly set: string;
  readonly elements: readonly SetElement[];
}

/**
 * Changes elements in one transaction, in the network namespace that we are in. Not by nft, which lists all links of
 * the host before it reads the index of one.
 *
 * @throws NetlinkError when the kernel refuses one of the changes: nothing of it is done then.
 */
export async function changeElements(table: NftablesTable, changes: readonly ElementChange[]): Promise<void> {
  const requests = changes.flatMap((change) => parts(change).map((part) => elementRequest(table, part)));
  if (requests.length === 0) return;
  try {
    const answers = await exchangeInTurn(NETLINK_NETFILTER, transaction(requests));
    const errors = answers.map((reply) => readAnswer([reply]).errno);
    // The last change is answered whatever comes of it: its answer is the first, if all goes well.
    const [errno] = [...errors.filter((error) => error !== 0), ...errors];
    if (errno !== 0) throw refusal(errno === undefined ? 'EIO' : errnoName(errno));
  } catch (cause) {
    throw cause instanceof NetlinkError ? cause : refusal('EIO', { cause });
  }
}

function refusal(errno: string, options?: ErrorOptions): NetlinkError {
  return new NetlinkError({ operation: 'change elements of nf_tables', errno }, options);
}

// include/uapi/linux/netfilter/nfnetlink.h
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

// include/uapi/linux/netfilter/nf_tables.h
const MESSAGES = {
  add: { type: (NFNL_SUBSYS_NFTABLES << 8) | 12, flags: NLM_F_CREATE },
  delete: { type: (NFNL_SUBSYS_NFTABLES << 8) | 14, flags: 0 },
} as const;
const NFTA_SET_ELEM_LIST = { table: text(1), set: text(2), elements: 3 } as const;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM = { key: 1, data: 2 } as const;
const NFTA_DATA = { value: 1, verdict: 2 } as const;
const NFTA_VERDICT = { code: be32(1), chain: text(2) } as const;
/** -3 as an unsigned number. */
const NFT_JUMP = 0xfffffffd;

/** So many elements fit into one attribute (64 KiB), however long the names of their chains are (256). */
const AT_A_TIME = 128;

function transaction(requests: readonly NetlinkRequest[]): NetlinkRequest[] {
  const bound = (type: number) => {
    const payload = formatNfnetlink({ family: 0, resource: NFNL_SUBSYS_NFTABLES });
    return { type, flags: 0, payload };
  };
  const answered = requests.map((request, at) =>
    at === requests.length - 1 ? { ...request, flags: request.flags | NLM_F_ACK } : request,
  );
  return [bound(NFNL_MSG_BATCH_BEGIN), ...answered, bound(NFNL_MSG_BATCH_END)];
}

function parts({ elements, ...change }: ElementChange): ElementChange[] {
  const count = Math.ceil(elements.length / AT_A_TIME);
  return Array.from({ length: count }, (_, at) => ({
    ...change,
    elements: elements.slice(at * AT_A_TIME, (at + 1) * AT_A_TIME),
  }));
}

function elementRequest(
  { family, name }: NftablesTable,
  { verb, set, elements }: ElementChange,
): NetlinkRequest {
  const list = elements.map((element) => nestedAttribute(NFTA_LIST_ELEM, elementAttributes(element, verb)));
  const attributes = [
    NFTA_SET_ELEM_LIST.table.write(name),
    NFTA_SET_ELEM_LIST.set.write(set),
    nestedAttribute(NFTA_SET_ELEM_LIST.elements, list),
  ];
  return { ...MESSAGES[verb], payload: formatNfnetlink({ family, attributes }) };
}

/** One is found by its key. */
function elementAttributes({ key, jump }: SetElement, verb: ElementChange['verb']): Buffer[] {
  const value = bytesAttribute(NFTA_DATA.value, keyBytes(key));
  const found = nestedAttribute(NFTA_SET_ELEM.key, [value]);
  if (jump === undefined || verb === 'delete') return [found];
  const verdict = [NFTA_VERDICT.code.write(NFT_JUMP), NFTA_VERDICT.chain.write(jump)];
  const data = nestedAttribute(NFTA_SET_ELEM.data, [nestedAttribute(NFTA_DATA.verdict, verdict)]);
  return [found, data];
}

/** Each part of a key begins in a register of 4 bytes. */
function keyBytes(key: SetElement['key']): Buffer {
  return Buffer.concat(key.flatMap(({ bytes }) => [bytes, Buffer.alloc(-bytes.length & 3)]));
}
