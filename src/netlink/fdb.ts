import { type MacAddress, macBytes } from '../address/mac.ts';
import { bytesAttribute, parseAttributes, u16, u32 } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { formatAddress } from './link.ts';
import { AF_BRIDGE } from './rtm.ts';

/** An entry of a bridge's forwarding database, or of an interface's own address filter (`self`). */
export interface FdbEntry {
  readonly address: string;
  /** The index of the port, or of the bridge for an address of its own. */
  readonly port: number;
  /** The index of the bridge; absent for a `self` entry. */
  readonly master?: number;
  readonly vlan?: number;
  /** static: does not age (NUD_NOARP). permanent: delivered to this host. dynamic: learned. */
  readonly state: 'static' | 'permanent' | 'dynamic';
  readonly self: boolean;
  readonly sticky: boolean;
}

/** Which entry is meant: bridges keep at most one for an address in each VLAN. */
export interface FdbKey {
  /** The index of the port. */
  readonly port: number;
  readonly address: MacAddress;
  /** Unless told, all VLANs of the port, and the entry that is for a bridge without VLANs. */
  readonly vlan?: number;
}

export interface FdbFilter {
  /** The index of a port. */
  readonly port?: number;
  /** The index of a bridge. */
  readonly master?: number;
}

// include/uapi/linux/neighbour.h
const NDMSG_BYTES = 12;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_SELF = 0x02;
const NTF_MASTER = 0x04;
const NTF_STICKY = 0x40;
const NDA_LLADDR = 2;
const NDA_VLAN = u16(5);
const NDA_MASTER = u32(9);
const IFINFOMSG_BYTES = 16;
const IFLA_MASTER = u32(10);

/**
 * The payload of an RTM_NEWNEIGH or RTM_DELNEIGH for a static entry of the bridge: sticky, or the first
 * frame from that address at a port that learns would take it there (br_fdb_update() in net/bridge/br_fdb.c).
 */
export function fdbChange({ port, address, vlan }: FdbKey): Buffer {
  const header = Buffer.alloc(NDMSG_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(port, 4);
  header.writeUInt16LE(NUD_NOARP, 8);
  header.writeUInt8(NTF_MASTER | NTF_STICKY, 10);
  return Buffer.concat([
    header,
    bytesAttribute(NDA_LLADDR, macBytes(address)),
    ...(vlan === undefined ? [] : [NDA_VLAN.write(vlan)]),
  ]);
}

/** The payload of an RTM_GETNEIGH for what the bridge of a port has for an address, on whichever port (rtnl_fdb_get()). */
export function fdbQuery({ port, address }: FdbKey): Buffer {
  const header = Buffer.alloc(NDMSG_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(port, 4);
  header.writeUInt8(NTF_MASTER, 10);
  return Buffer.concat([header, bytesAttribute(NDA_LLADDR, macBytes(address))]);
}

/** The payload of an RTM_GETNEIGH that dumps: an ifinfomsg (rtnl_fdb_dump() in net/core/rtnetlink.c). */
export function fdbDumpQuery({ port = 0, master }: FdbFilter): Buffer {
  const header = Buffer.alloc(IFINFOMSG_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(port, 4);
  return master === undefined ? header : Buffer.concat([header, IFLA_MASTER.write(master)]);
}

/** Reads the payload of an RTM_NEWNEIGH. @throws MalformedMessageError */
export function parseFdbEntry(payload: Buffer): FdbEntry {
  if (payload.length < NDMSG_BYTES) {
    throw new MalformedMessageError(`an FDB entry of ${payload.length} bytes`);
  }
  const attributes = parseAttributes(payload.subarray(NDMSG_BYTES));
  const address = attributes.get(NDA_LLADDR);
  if (address === undefined) throw new MalformedMessageError('an FDB entry without an address');
  const master = attributes.get(NDA_MASTER.type);
  const vlan = attributes.get(NDA_VLAN.type);
  const flags = payload.readUInt8(10);
  return {
    address: formatAddress(address),
    port: payload.readInt32LE(4),
    ...(master === undefined ? {} : { master: NDA_MASTER.read(master) }),
    ...(vlan === undefined ? {} : { vlan: NDA_VLAN.read(vlan) }),
    state: entryState(payload.readUInt16LE(8)),
    self: (flags & NTF_SELF) !== 0,
    sticky: (flags & NTF_STICKY) !== 0,
  };
}

function entryState(nud: number): FdbEntry['state'] {
  if (nud & NUD_PERMANENT) return 'permanent';
  return nud & NUD_NOARP ? 'static' : 'dynamic';
}
