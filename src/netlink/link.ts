import { type MacAddress, macBytes } from '../address/mac.ts';
import { InputError } from '../errors.ts';
import {
  type Attributes,
  bytesAttribute,
  type Field,
  nestedAttribute,
  parseAttributes,
  readFields,
  text,
  u32,
  writeFields,
} from './attributes.ts';
import { BRIDGE, type BridgeAttributes } from './bridge.ts';
import { BRIDGE_PORT, type BridgePortSettings } from './bridge-port.ts';
import { MalformedMessageError } from './error.ts';

/** A network interface (rtnetlink(7), RTM_NEWLINK). */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Whether there is a carrier: of a vif, that its guest has connected (IFF_LOWER_UP). */
  readonly lowerUp: boolean;
  /** Whether it answers ARP, and hears it (not IFF_NOARP). */
  readonly arp: boolean;
  /** The number of the device group, by which rules tell links apart; 0 unless somebody has put it in another. */
  readonly group: number;
  readonly mtu: number;
  /** Hex pairs between colons; empty for an interface without an address. */
  readonly address: string;
  readonly alias?: string;
  /** `bridge`, `veth`, `bond`, `vlan` ...; absent for most hardware. */
  readonly kind?: string;
  /** The index of the bridge or bond it belongs to. */
  readonly master?: number;
  /** Of a bridge. An attribute that this kernel does not know is absent. */
  readonly bridge?: Readonly<Partial<BridgeAttributes>>;
  /** Of a bridge's port. An attribute that this kernel does not know is absent. */
  readonly port?: Readonly<Partial<BridgePortSettings>>;
}

/** What to change of a link; what is absent stays as it is. */
export interface LinkChange {
  readonly up?: boolean;
  readonly arp?: boolean;
  readonly group?: number;
  readonly name?: string;
  readonly mtu?: number;
  readonly address?: MacAddress;
  /** Empty removes it. */
  readonly alias?: string;
  /** The index of the bridge to join; 0 leaves it. */
  readonly master?: number;
  /** An open network namespace to move to (see openNetns). */
  readonly netnsFd?: number;
  readonly port?: Readonly<Partial<BridgePortSettings>>;
}

const IFINFOMSG_BYTES = 16;
const IFF_UP = 1;
const IFF_NOARP = 0x80;
const IFF_LOWER_UP = 0x10000;
/** Leaves the counters out (RTEXT_FILTER_SKIP_STATS). */
const SKIP_STATS = 8;

// include/uapi/linux/if_link.h
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = linkName(3);
const IFLA_MTU = u32(4);
const IFLA_MASTER = u32(10);
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_GROUP = u32(27);
const IFLA_NET_NS_FD = u32(28);
const IFLA_EXT_MASK = u32(29);
const IFLA_INFO_KIND = text(1);
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = text(4);
const IFLA_INFO_SLAVE_DATA = 5;

/** A name that the kernel's dev_valid_name() accepts. */
function linkName(type: number): Field<string> {
  const name = text(type);
  return {
    type,
    write(value) {
      if (!isLinkName(value)) {
        throw new InputError(
          `${JSON.stringify(value)} cannot be the name of an interface; that is 1 to 15 bytes without "/", ":" and blanks`,
        );
      }
      return name.write(value);
    },
    read: name.read,
  };
}

/** Whether an interface can have this name (dev_valid_name() in net/core/dev.c). */
export function isLinkName(name: string): boolean {
  const size = Buffer.byteLength(name);
  return size > 0 && size < 16 && name !== '.' && name !== '..' && !/[/:\s\0]/.test(name);
}

/** The payload of an RTM_GETLINK for one link, by its name or its index. @throws InputError for an impossible name */
export function linkQuery(key: string | number): Buffer {
  const which =
    typeof key === 'number' ? [ifinfomsg({ index: key })] : [ifinfomsg({}), IFLA_IFNAME.write(key)];
  return Buffer.concat([...which, IFLA_EXT_MASK.write(SKIP_STATS)]);
}

export interface LinkFilter {
  /** The index of the bridge or bond that the links belong to. */
  readonly master?: number;
  readonly kind?: string;
}

/** The payload of an RTM_GETLINK that dumps. */
export function linkDumpQuery({ master, kind }: LinkFilter): Buffer {
  return Buffer.concat([
    ifinfomsg({}),
    IFLA_EXT_MASK.write(SKIP_STATS),
    ...(master === undefined ? [] : [IFLA_MASTER.write(master)]),
    ...(kind === undefined ? [] : [nestedAttribute(IFLA_LINKINFO, [IFLA_INFO_KIND.write(kind)])]),
  ]);
}

/** The kernel drops a filter it does not understand (a kind whose module is not loaded): ask again. */
export function matchesFilter(link: Link, { master, kind }: LinkFilter): boolean {
  return (master === undefined || link.master === master) && (kind === undefined || link.kind === kind);
}

/**
 * The payloads of the RTM_NEWLINKs that make a change, in order: one, or two when the link joins
 * a bridge and gets port attributes, which the kernel applies before the membership. A link that
 * goes up goes up last.
 *
 * @throws InputError for a value that does not fit its attribute.
 */
export function linkChanges(index: number, change: LinkChange): Buffer[] {
  if (change.master === undefined || change.port === undefined) return [linkChange(index, change)];
  const { port, up, ...join } = change;
  if (up === false) return [linkChange(index, { ...join, up }), linkChange(index, { port })];
  return [linkChange(index, join), linkChange(index, up === undefined ? { port } : { port, up })];
}

function linkChange(index: number, change: LinkChange): Buffer {
  const { name, mtu, address, alias, group, master, netnsFd, port } = change;
  return Buffer.concat([
    ifinfomsg({ index, ...change }),
    ...(name === undefined ? [] : [IFLA_IFNAME.write(name)]),
    ...(mtu === undefined ? [] : [IFLA_MTU.write(mtu)]),
    ...(address === undefined ? [] : [bytesAttribute(IFLA_ADDRESS, macBytes(address))]),
    ...(alias === undefined ? [] : [bytesAttribute(IFLA_IFALIAS, Buffer.from(alias))]),
    ...(group === undefined ? [] : [IFLA_GROUP.write(group)]),
    ...(master === undefined ? [] : [IFLA_MASTER.write(master)]),
    ...(netnsFd === undefined ? [] : [IFLA_NET_NS_FD.write(netnsFd)]),
    ...(port === undefined ? [] : [portInfo(writeFields(BRIDGE_PORT, port))]),
  ]);
}

/** The payload of an RTM_NEWLINK that sets attributes of a bridge's port. */
export function portChange(index: number, attributes: readonly Buffer[]): Buffer {
  return Buffer.concat([ifinfomsg({ index }), portInfo(attributes)]);
}

function portInfo(attributes: readonly Buffer[]): Buffer {
  return nestedAttribute(IFLA_LINKINFO, [
    IFLA_INFO_SLAVE_KIND.write('bridge'),
    nestedAttribute(IFLA_INFO_SLAVE_DATA, attributes),
  ]);
}

/** The payload of an RTM_NEWLINK that sets attributes of a bridge. @throws InputError */
export function bridgeChange(index: number, change: Partial<BridgeAttributes>): Buffer {
  const data = nestedAttribute(IFLA_INFO_DATA, writeFields(BRIDGE, change));
  return Buffer.concat([
    ifinfomsg({ index }),
    nestedAttribute(IFLA_LINKINFO, [IFLA_INFO_KIND.write('bridge'), data]),
  ]);
}

function ifinfomsg({ index = 0, up, arp }: { index?: number } & Pick<LinkChange, 'up' | 'arp'>): Buffer {
  const header = Buffer.alloc(IFINFOMSG_BYTES);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE((up === true ? IFF_UP : 0) | (arp === false ? IFF_NOARP : 0), 8);
  header.writeUInt32LE((up === undefined ? 0 : IFF_UP) | (arp === undefined ? 0 : IFF_NOARP), 12);
  return header;
}

/** Reads the payload of an RTM_NEWLINK. @throws MalformedMessageError */
export function parseLink(payload: Buffer): Link {
  if (payload.length < IFINFOMSG_BYTES) {
    throw new MalformedMessageError(`a link of ${payload.length} bytes`);
  }
  const attributes = parseAttributes(payload.subarray(IFINFOMSG_BYTES));
  const name = read(attributes, IFLA_IFNAME);
  const mtu = read(attributes, IFLA_MTU);
  if (name === undefined || mtu === undefined) {
    throw new MalformedMessageError('a link without name or MTU');
  }
  const alias = attributes.get(IFLA_IFALIAS);
  const flags = payload.readUInt32LE(8);
  return {
    index: payload.readInt32LE(4),
    name,
    up: (flags & IFF_UP) !== 0,
    lowerUp: (flags & IFF_LOWER_UP) !== 0,
    arp: (flags & IFF_NOARP) === 0,
    group: read(attributes, IFLA_GROUP) ?? 0,
    mtu,
    address: formatAddress(attributes.get(IFLA_ADDRESS)),
    ...(alias === undefined ? {} : { alias: text(IFLA_IFALIAS).read(alias) }),
    ...present('master', read(attributes, IFLA_MASTER)),
    ...parseLinkInfo(attributes.get(IFLA_LINKINFO)),
  };
}

function parseLinkInfo(bytes: Buffer | undefined): Pick<Link, 'kind' | 'bridge' | 'port'> {
  if (bytes === undefined) return {};
  const info = parseAttributes(bytes);
  const kind = read(info, IFLA_INFO_KIND);
  const data = info.get(IFLA_INFO_DATA);
  const portData = info.get(IFLA_INFO_SLAVE_DATA);
  const isPort = read(info, IFLA_INFO_SLAVE_KIND) === 'bridge';
  return {
    ...present('kind', kind),
    ...(kind === 'bridge' && data ? { bridge: readFields(BRIDGE, parseAttributes(data)) } : {}),
    ...(isPort && portData ? { port: readFields(BRIDGE_PORT, parseAttributes(portData)) } : {}),
  };
}

function read<T>(attributes: Attributes, field: Field<T>): T | undefined {
  const value = attributes.get(field.type);
  return value && field.read(value);
}

function present<K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: T });
}

/** Hex pairs between colons. */
export function formatAddress(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
