import { bytesAttribute, nestedAttribute, parseAttributeList, parseAttributes, u16 } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { AF_BRIDGE } from './rtm.ts';

/** VLANs that a port of a bridge is a member of, or the bridge itself: those from `first` to `last`. */
export interface BridgeVlan {
  /** The index of the port, or of the bridge. */
  readonly port: number;
  readonly first: number;
  readonly last: number;
  /** Untagged frames that come in belong to it. */
  readonly pvid: boolean;
  /** Frames go out untagged. */
  readonly untagged: boolean;
}

/** Which membership is meant. */
export interface VlanKey {
  /** The index of the port. */
  readonly port: number;
  readonly vid: number;
}

// include/uapi/linux/if_bridge.h
const BR_VLAN_MSG_BYTES = 8;
const BRIDGE_VLANDB_ENTRY = 1;
const BRIDGE_VLANDB_ENTRY_INFO = 1;
const BRIDGE_VLANDB_ENTRY_RANGE = u16(2);
const BRIDGE_VLAN_INFO_BYTES = 4;
const BRIDGE_VLAN_INFO_PVID = 1 << 1;
const BRIDGE_VLAN_INFO_UNTAGGED = 1 << 2;

/** The payload of an RTM_NEWVLAN: the VLAN of a port's untagged frames, in place of the one before. */
export function accessVlan(key: VlanKey): Buffer {
  return vlanChange(key, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
}

/** The payload of an RTM_DELVLAN. */
export function vlanDeletion({ port, first, last }: Pick<BridgeVlan, 'port' | 'first' | 'last'>): Buffer {
  const range = first === last ? [] : [BRIDGE_VLANDB_ENTRY_RANGE.write(last)];
  return vlanChange({ port, vid: first }, 0, range);
}

function vlanChange({ port, vid }: VlanKey, flags: number, more: readonly Buffer[] = []): Buffer {
  const info = Buffer.alloc(BRIDGE_VLAN_INFO_BYTES);
  info.writeUInt16LE(flags, 0);
  info.writeUInt16LE(vid, 2);
  const entry = [bytesAttribute(BRIDGE_VLANDB_ENTRY_INFO, info), ...more];
  return Buffer.concat([brVlanMsg(port), nestedAttribute(BRIDGE_VLANDB_ENTRY, entry)]);
}

/** The payload of an RTM_GETVLAN that dumps: of one port or bridge, or of all. */
export function vlanDumpQuery(port = 0): Buffer {
  return brVlanMsg(port);
}

function brVlanMsg(port: number): Buffer {
  const header = Buffer.alloc(BR_VLAN_MSG_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeUInt32LE(port, 4);
  return header;
}

/** Reads the payload of an RTM_NEWVLAN. @throws MalformedMessageError */
export function parseBridgeVlans(payload: Buffer): BridgeVlan[] {
  if (payload.length < BR_VLAN_MSG_BYTES) {
    throw new MalformedMessageError(`VLANs of ${payload.length} bytes`);
  }
  const port = payload.readUInt32LE(4);
  return parseAttributeList(payload.subarray(BR_VLAN_MSG_BYTES))
    .filter(({ type }) => type === BRIDGE_VLANDB_ENTRY)
    .map(({ value }) => parseEntry(port, value));
}

function parseEntry(port: number, entry: Buffer): BridgeVlan {
  const attributes = parseAttributes(entry);
  const info = attributes.get(BRIDGE_VLANDB_ENTRY_INFO);
  const range = attributes.get(BRIDGE_VLANDB_ENTRY_RANGE.type);
  if (info?.length !== BRIDGE_VLAN_INFO_BYTES) throw new MalformedMessageError('a VLAN without its ID');
  const flags = info.readUInt16LE(0);
  const first = info.readUInt16LE(2);
  return {
    port,
    first,
    last: range === undefined ? first : BRIDGE_VLANDB_ENTRY_RANGE.read(range),
    pvid: (flags & BRIDGE_VLAN_INFO_PVID) !== 0,
    untagged: (flags & BRIDGE_VLAN_INFO_UNTAGGED) !== 0,
  };
}
