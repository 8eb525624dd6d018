import { type Attributes, be32, bytesAttribute, parseAttributes, text } from './attributes.ts';
import { MalformedMessageError } from './error.ts';
import { type NetlinkReply, type NetlinkRequest, NLM_F_ACK } from './message.ts';
import { formatNfnetlink, parseNfnetlink } from './nfnetlink.ts';

/** A packet that a rule has logged to NFLOG (include/uapi/linux/netfilter/nfnetlink_log.h). */
export interface LoggedPacket {
  /** The text of the rule. */
  readonly prefix: string;
  /** The netfilter hook's number, in the family of the rule. */
  readonly hook: number | undefined;
  /** The indices of the devices that it came by and goes by: ports, where it is bridged. */
  readonly inward: number | undefined;
  readonly outward: number | undefined;
  /** The frame from its MACs on, with its VLAN tag, which the kernel keeps apart, put back; its end may be missing. */
  readonly frame: Buffer;
}

const NFNL_SUBSYS_ULOG = 4;
const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG << 8;
const NFULNL_MSG_CONFIG = NFULNL_MSG_PACKET | 1;

const NFULA = {
  packetHeader: 1,
  inDevice: 4,
  outDevice: 5,
  inPort: 6,
  outPort: 7,
  payload: 9,
  prefix: 10,
  hardwareHeader: 16,
  vlan: 20,
  linkHeader: 21,
} as const;
const NFULA_VLAN = { protocol: 1, tci: 2 } as const;
const PREFIX = text(NFULA.prefix);

const NFPROTO_NETDEV = 5;
const NF_NETDEV_EGRESS = 1;
const MACS_BYTES = 12;
const ETHERNET_BYTES = 14;

/** Undefined for a message that logs no packet. @throws MalformedMessageError */
export function parseLoggedPacket({ type, payload }: NetlinkReply): LoggedPacket | undefined {
  if (type !== NFULNL_MSG_PACKET) return undefined;
  const { family, attributes: bytes } = parseNfnetlink(payload);
  const attributes = parseAttributes(bytes);
  const prefix = attributes.get(NFULA.prefix);
  const number = (type: number) => readNumber(attributes, type);
  return {
    prefix: prefix === undefined ? '' : PREFIX.read(prefix),
    hook: hookOf(attributes),
    inward: number(NFULA.inPort) ?? number(NFULA.inDevice),
    outward: number(NFULA.outPort) ?? number(NFULA.outDevice),
    frame: frameOf(family, attributes),
  };
}

/** `struct nfulnl_msg_packet_hdr`: the protocol, then the hook. */
function hookOf(attributes: Attributes): number | undefined {
  return attributes.get(NFULA.packetHeader)?.[2];
}

function readNumber(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value && be32(type).read(value);
}

/**
 * A bridge's frame comes in two parts, and so does IPv6 that a bridge hands to ip6tables; what leaves by a
 * device, at the egress hook, in one (nfulnl_put_bridge and __build_packet_message in nfnetlink_log.c).
 */
function frameOf(family: number, attributes: Attributes): Buffer {
  const payload = attributes.get(NFULA.payload) ?? Buffer.alloc(0);
  const link = attributes.get(NFULA.linkHeader);
  const header = link ?? attributes.get(NFULA.hardwareHeader)?.subarray(0, ETHERNET_BYTES);
  const isWhole =
    header === undefined || (family === NFPROTO_NETDEV && hookOf(attributes) === NF_NETDEV_EGRESS);
  const frame = isWhole ? payload : Buffer.concat([header, payload]);
  const vlan = attributes.get(NFULA.vlan);
  return vlan === undefined ? frame : tagged(frame, parseAttributes(vlan));
}

function tagged(frame: Buffer, vlan: Attributes): Buffer {
  const tag = Buffer.concat([NFULA_VLAN.protocol, NFULA_VLAN.tci].map((type) => octetPair(vlan.get(type))));
  return Buffer.concat([frame.subarray(0, MACS_BYTES), tag, frame.subarray(MACS_BYTES)]);
}

function octetPair(value: Buffer | undefined): Buffer {
  if (value?.length !== 2) throw new MalformedMessageError('a VLAN tag that is none');
  return value;
}

const NFULA_CFG = { command: 1, mode: 2, timeout: 4 } as const;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
/** How much of a packet the kernel copies: all of one with the usual MTU. */
export const COPIED_BYTES = 2048;
/** How long the kernel may gather packets for one message, in hundredths of a second. */
const GATHERING = 5;

/** The request that makes its sender the listener of a group: there is one at a time. */
export function listenRequest(group: number): NetlinkRequest {
  const mode = Buffer.alloc(6);
  mode.writeUInt32BE(COPIED_BYTES, 0);
  mode.writeUInt8(NFULNL_COPY_PACKET, 4);
  const attributes = [
    bytesAttribute(NFULA_CFG.command, Buffer.of(NFULNL_CFG_CMD_BIND)),
    bytesAttribute(NFULA_CFG.mode, mode),
    be32(NFULA_CFG.timeout).write(GATHERING),
  ];
  const payload = formatNfnetlink({ family: 0, resource: group, attributes });
  return { type: NFULNL_MSG_CONFIG, flags: NLM_F_ACK, payload };
}
