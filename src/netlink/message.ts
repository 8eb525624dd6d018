import { parseAttributes, text } from './attributes.ts';
import { MalformedMessageError } from './error.ts';

/** A request without its header's length and sequence number, which are the transport's. */
export interface NetlinkRequest {
  /** RTM_*. */
  readonly type: number;
  /** NLM_F_*; the transport adds REQUEST and ACK. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** One message of an answer. */
export interface NetlinkReply {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

// include/uapi/linux/netlink.h
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLMSG_MIN_TYPE = 16;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

const HEADER_BYTES = 16;
const NLMSGERR_ATTR_MSG = text(1);

/** A request with its header, padded as another message may follow. */
export function formatMessage({ type, flags, payload }: NetlinkRequest): Buffer {
  const length = HEADER_BYTES + payload.length;
  const message = Buffer.alloc((length + 3) & ~3);
  message.writeUInt32LE(length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  message.set(payload, HEADER_BYTES);
  return message;
}

/**
 * Cuts what one datagram holds into messages; the payloads are views of it.
 *
 * @throws MalformedMessageError when a message does not lie inside it.
 */
export function parseMessages(datagram: Buffer): NetlinkReply[] {
  const messages: NetlinkReply[] = [];
  for (let at = 0; at < datagram.length; ) {
    const left = datagram.length - at;
    const length = left < HEADER_BYTES ? 0 : datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || length > left) {
      throw new MalformedMessageError(`message at byte ${at} of ${datagram.length}`);
    }
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      payload: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** The messages that answer one request, taken together. */
export interface Answer {
  /** The data, without the closing NLMSG_ERROR or NLMSG_DONE. */
  readonly data: readonly NetlinkReply[];
  /** A positive error number, or 0. */
  readonly errno: number;
  /** The extended-ACK text, for an error. */
  readonly kernelMessage?: string;
  /** Whether what was dumped changed meanwhile, so that the dump may be inconsistent. */
  readonly interrupted: boolean;
}

/**
 * Reads the answer to one request.
 *
 * @throws MalformedMessageError when it is not closed by exactly one NLMSG_ERROR or NLMSG_DONE.
 */
export function readAnswer(replies: readonly NetlinkReply[]): Answer {
  const data = replies.slice(0, -1);
  const end = replies.at(-1);
  if (end === undefined || (end.type !== NLMSG_ERROR && end.type !== NLMSG_DONE)) {
    throw new MalformedMessageError('the answer has no end');
  }
  const control = data.find((reply) => reply.type < NLMSG_MIN_TYPE);
  if (control !== undefined) {
    throw new MalformedMessageError(`a control message of type ${control.type} inside the answer`);
  }
  return {
    data,
    ...readEnd(end),
    interrupted: replies.some((reply) => (reply.flags & NLM_F_DUMP_INTR) !== 0),
  };
}

function readEnd(end: NetlinkReply): Pick<Answer, 'errno' | 'kernelMessage'> {
  const { payload } = end;
  if (payload.length < 4) throw new MalformedMessageError(`an end of ${payload.length} bytes`);
  const errno = -payload.readInt32LE(0);
  if (errno <= 0) return { errno: 0 };
  const kernelMessage = readExtendedAck(end);
  return kernelMessage === undefined ? { errno } : { errno, kernelMessage };
}

/** Documentation/userspace-api/netlink/intro.rst, "Extended ACK". */
function readExtendedAck(end: NetlinkReply): string | undefined {
  if ((end.flags & NLM_F_ACK_TLVS) === 0) return undefined;
  const message = parseAttributes(end.payload.subarray(4 + echoLength(end))).get(NLMSGERR_ATTR_MSG.type);
  return message && NLMSGERR_ATTR_MSG.read(message);
}

/** How much of the request an NLMSG_ERROR repeats: the header, and all of it unless it is capped. */
function echoLength(end: NetlinkReply): number {
  if (end.type === NLMSG_DONE) return 0;
  if (end.payload.length < 4 + HEADER_BYTES) throw new MalformedMessageError('an error without its request');
  return (end.flags & NLM_F_CAPPED) === 0 ? (end.payload.readUInt32LE(4) + 3) & ~3 : HEADER_BYTES;
}
