import type { IpPrefix } from '../address/ip.ts';
import { VifguardError } from '../errors.ts';
import { bytesAttribute } from './attributes.ts';
import type { BridgeAttributes } from './bridge.ts';
import { IFLA_BRPORT_FLUSH } from './bridge-port.ts';
import {
  accessVlan,
  type BridgeVlan,
  parseBridgeVlans,
  type VlanKey,
  vlanDeletion,
  vlanDumpQuery,
} from './bridge-vlan.ts';
import { errnoName, NetlinkError } from './error.ts';
import {
  type FdbEntry,
  type FdbFilter,
  type FdbKey,
  fdbChange,
  fdbDumpQuery,
  fdbQuery,
  parseFdbEntry,
} from './fdb.ts';
import { ipv4DumpQuery, parseIpv4Address } from './ip-address.ts';
import {
  bridgeChange,
  isLinkName,
  type Link,
  type LinkChange,
  type LinkFilter,
  linkChanges,
  linkDumpQuery,
  linkQuery,
  matchesFilter,
  parseLink,
  portChange,
} from './link.ts';
import {
  type Answer,
  type NetlinkReply,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  readAnswer,
} from './message.ts';
import {
  RTM_DELNEIGH,
  RTM_DELVLAN,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETVLAN,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWVLAN,
} from './rtm.ts';
import { DeadlineError, type NetlinkTransport } from './transport.ts';

/**
 * The kernel's links, bridges and FDB, of the network namespace this was opened in.
 *
 * Requests reach the kernel one after another, in the order of the calls. What belongs together
 * goes into one request where the kernel takes it so; changes are never sent ahead of the answer to
 * an earlier one, because the kernel would go on with them after that one failed.
 *
 * Every method throws NetlinkError when the kernel refuses or does not answer in time, and
 * InputError for a value that its attribute cannot hold.
 */
export interface Rtnetlink {
  /** The link of that name, undefined when there is none. */
  link(name: string): Promise<Link | undefined>;
  /** The link with that index, whatever its name is; undefined when there is none. */
  linkAt(index: number): Promise<Link | undefined>;
  links(filter?: LinkFilter): Promise<Link[]>;
  /** The IPv4 addresses of this host, on all links. */
  ipv4Addresses(): Promise<IpPrefix[]>;
  /** Changes a link, all in one message unless it joins a bridge and gets port attributes: then two. */
  setLink(index: number, change: LinkChange): Promise<void>;
  setBridge(index: number, change: Readonly<Partial<BridgeAttributes>>): Promise<void>;
  fdb(filter: FdbFilter): Promise<FdbEntry[]>;
  /** What the port's bridge has for an address, without VLAN, on whichever of its ports; undefined when nothing. */
  findFdb(key: Omit<FdbKey, 'vlan'>): Promise<FdbEntry | undefined>;
  /** Makes the address a static entry of the port, wherever it was before. */
  replaceFdb(key: FdbKey): Promise<void>;
  /** Removes the entry; that there is none is fine. */
  deleteFdb(key: FdbKey): Promise<void>;
  /** Removes what the port has learned; static and permanent entries stay. */
  flushFdb(port: number): Promise<void>;
  /** The VLANs of a port or bridge, or of all; none where the kernel has no VLAN filtering. */
  vlans(port?: number): Promise<BridgeVlan[]>;
  /** Makes a VLAN that of the port's untagged frames, both ways; the port stays in its old one, for tagged frames. */
  setAccessVlan(key: VlanKey): Promise<void>;
  deleteVlans(vlans: BridgeVlan): Promise<void>;
  /** Closes the socket when the calls under way are through. */
  close(): Promise<void>;
}

export interface RtnetlinkOptions {
  /** How long the kernel may take to answer a request, in milliseconds. */
  readonly timeoutMs?: number;
}

/** Opens the rtnetlink of the network namespace we are in. @throws NetlinkError */
export async function openRtnetlink(options: RtnetlinkOptions = {}): Promise<Rtnetlink> {
  return rtnetlinkOver(await openTransport(), options);
}

async function openTransport(): Promise<NetlinkTransport> {
  // Imported late: a run that does not use the kernel need not load it.
  const { openNodeNetlink } = await import('./node-netlink.ts');
  try {
    return await openNodeNetlink();
  } catch (cause) {
    throw new NetlinkError({ operation: 'open a netlink socket', errno: 'EIO' }, { cause });
  }
}

/** Rtnetlink on any transport. */
export function rtnetlinkOver(transport: NetlinkTransport, options: RtnetlinkOptions = {}): Rtnetlink {
  return new TransportRtnetlink(transport, options.timeoutMs ?? 10_000);
}

/** What a request is for, in the words of the error it may end in. */
interface Purpose {
  readonly operation: string;
  readonly interface?: string | undefined;
}

class TransportRtnetlink implements Rtnetlink {
  readonly #transport: NetlinkTransport;
  readonly #timeoutMs: number;
  /** The names of the links seen, for errors. */
  readonly #names = new Map<number, string>();

  constructor(transport: NetlinkTransport, timeoutMs: number) {
    this.#transport = transport;
    this.#timeoutMs = timeoutMs;
  }

  async link(name: string): Promise<Link | undefined> {
    return isLinkName(name) ? await this.#readLink(name, name) : undefined;
  }

  linkAt(index: number): Promise<Link | undefined> {
    return this.#readLink(index, this.#nameOf(index));
  }

  async #readLink(key: string | number, name: string): Promise<Link | undefined> {
    const purpose = { operation: 'read link', interface: name };
    const request = { type: RTM_GETLINK, flags: 0, payload: linkQuery(key) };
    const data = await unless('ENODEV', this.#ask(purpose, request));
    return data && this.#readLinks(data)[0];
  }

  async links(filter: LinkFilter = {}): Promise<Link[]> {
    const request = { type: RTM_GETLINK, flags: 0, payload: linkDumpQuery(filter) };
    const data = await this.#askAll({ operation: 'list links' }, request);
    return this.#readLinks(data).filter((link) => matchesFilter(link, filter));
  }

  async ipv4Addresses(): Promise<IpPrefix[]> {
    const request = { type: RTM_GETADDR, flags: 0, payload: ipv4DumpQuery() };
    const data = await this.#askAll({ operation: 'list IPv4 addresses' }, request);
    return ofType(data, RTM_NEWADDR).map((reply) => parseIpv4Address(reply.payload));
  }

  async setLink(index: number, change: LinkChange): Promise<void> {
    for (const payload of linkChanges(index, change)) await this.#change('change link', index, payload);
    if (change.name !== undefined) this.#names.set(index, change.name);
  }

  async setBridge(index: number, change: Readonly<Partial<BridgeAttributes>>): Promise<void> {
    await this.#change('change bridge', index, bridgeChange(index, change));
  }

  async flushFdb(port: number): Promise<void> {
    const flush = bytesAttribute(IFLA_BRPORT_FLUSH, Buffer.alloc(0));
    await this.#change('flush the FDB of', port, portChange(port, [flush]));
  }

  async #change(operation: string, index: number, payload: Buffer): Promise<void> {
    await this.#ask({ operation, interface: this.#nameOf(index) }, { type: RTM_NEWLINK, flags: 0, payload });
  }

  async fdb(filter: FdbFilter): Promise<FdbEntry[]> {
    const request = { type: RTM_GETNEIGH, flags: 0, payload: fdbDumpQuery(filter) };
    const data = await this.#askAll({ operation: 'list the FDB' }, request);
    return ofType(data, RTM_NEWNEIGH).map((reply) => parseFdbEntry(reply.payload));
  }

  async findFdb(key: Omit<FdbKey, 'vlan'>): Promise<FdbEntry | undefined> {
    const purpose = { operation: `find ${key.address} in the FDB of`, interface: this.#nameOf(key.port) };
    const request = { type: RTM_GETNEIGH, flags: 0, payload: fdbQuery(key) };
    const [reply] = ofType((await unless('ENOENT', this.#ask(purpose, request))) ?? [], RTM_NEWNEIGH);
    return reply && parseFdbEntry(reply.payload);
  }

  async replaceFdb(key: FdbKey): Promise<void> {
    const request = {
      type: RTM_NEWNEIGH,
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      payload: fdbChange(key),
    };
    const operation = `make ${key.address} an FDB entry of`;
    await this.#ask({ operation, interface: this.#nameOf(key.port) }, request);
  }

  async deleteFdb(key: FdbKey): Promise<void> {
    const request = { type: RTM_DELNEIGH, flags: 0, payload: fdbChange(key) };
    const operation = `delete the FDB entry ${key.address} of`;
    await unless('ENOENT', this.#ask({ operation, interface: this.#nameOf(key.port) }, request));
  }

  async vlans(port?: number): Promise<BridgeVlan[]> {
    const request = { type: RTM_GETVLAN, flags: 0, payload: vlanDumpQuery(port) };
    const data = await unless('EOPNOTSUPP', this.#askAll({ operation: 'list VLANs' }, request));
    return ofType(data ?? [], RTM_NEWVLAN).flatMap((reply) => parseBridgeVlans(reply.payload));
  }

  async setAccessVlan(key: VlanKey): Promise<void> {
    const purpose = { operation: `make VLAN ${key.vid} that of`, interface: this.#nameOf(key.port) };
    await this.#ask(purpose, { type: RTM_NEWVLAN, flags: 0, payload: accessVlan(key) });
  }

  async deleteVlans(vlans: BridgeVlan): Promise<void> {
    const purpose = { operation: `delete VLAN ${vlans.first} of`, interface: this.#nameOf(vlans.port) };
    await this.#ask(purpose, { type: RTM_DELVLAN, flags: 0, payload: vlanDeletion(vlans) });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #nameOf(index: number): string {
    return this.#names.get(index) ?? `interface ${index}`;
  }

  #readLinks(data: readonly NetlinkReply[]): Link[] {
    const links = ofType(data, RTM_NEWLINK).map((reply) => parseLink(reply.payload));
    for (const link of links) this.#names.set(link.index, link.name);
    return links;
  }

  async #ask(purpose: Purpose, request: NetlinkRequest): Promise<readonly NetlinkReply[]> {
    return (await this.#answer(purpose, request)).data;
  }

  /** Dumps, again and again until the answer is consistent or time is up. */
  async #askAll(purpose: Purpose, request: NetlinkRequest): Promise<readonly NetlinkReply[]> {
    const deadline = performance.now() + this.#timeoutMs;
    while (performance.now() < deadline) {
      const answer = await this.#answer(purpose, { ...request, flags: NLM_F_DUMP });
      if (!answer.interrupted) return answer.data;
    }
    const kernelMessage = 'the list changed each time it was read';
    throw new NetlinkError({ ...purpose, errno: 'ETIMEDOUT', kernelMessage });
  }

  async #answer(purpose: Purpose, request: NetlinkRequest): Promise<Answer> {
    const answer = readAnswer(await this.#send(purpose, request));
    if (answer.errno === 0) return answer;
    const { errno, kernelMessage } = answer;
    throw new NetlinkError({ ...purpose, errno: errnoName(errno), kernelMessage });
  }

  async #send(purpose: Purpose, request: NetlinkRequest): Promise<NetlinkReply[]> {
    try {
      return await this.#transport.request(request, this.#timeoutMs);
    } catch (cause) {
      if (cause instanceof VifguardError) throw cause;
      const errno = cause instanceof DeadlineError ? 'ETIMEDOUT' : 'EIO';
      throw new NetlinkError({ ...purpose, errno }, { cause });
    }
  }
}

function ofType(data: readonly NetlinkReply[], type: number): NetlinkReply[] {
  return data.filter((reply) => reply.type === type);
}

/** The result, or undefined when it fails with that error number. */
async function unless<T>(errno: string, result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === errno) return undefined;
    throw error;
  }
}
