import { VifguardError } from '../errors.ts';

/** The xenstore wire protocol: xen/include/public/io/xs_wire.h and docs/misc/xenstore.txt of Xen. */

/** `enum xsd_sockmsg_type`, those we send or get. */
export const MessageType = {
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  DIRECTORY_PART: 22,
} as const;

export type Operation = Exclude<keyof typeof MessageType, 'WATCH_EVENT' | 'ERROR'>;

/** `struct xsd_sockmsg`: type, req_id, tx_id and len, 32 bits each. */
export const HEADER_BYTES = 16;

/** XENSTORE_PAYLOAD_MAX: xenstored cuts the connection of whoever sends more. */
export const MAX_PAYLOAD_BYTES = 4096;

export interface Message {
  readonly type: number;
  readonly requestId: number;
  /** 0 outside of a transaction. */
  readonly transactionId: number;
  readonly payload: Buffer;
}

/** Bytes that are not the xenstore protocol. */
export class WireError extends VifguardError {
  override readonly name = 'WireError';
}

/**
 * The bytes of a message.
 *
 * @throws WireError when the payload is longer than 4096 bytes.
 */
export function encodeMessage(message: Message): Buffer {
  const { length } = message.payload;
  if (length > MAX_PAYLOAD_BYTES) throw tooLong(length);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + length);
  bytes.writeUInt32LE(message.type, 0);
  bytes.writeUInt32LE(message.requestId, 4);
  bytes.writeUInt32LE(message.transactionId, 8);
  bytes.writeUInt32LE(length, 12);
  message.payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Cuts a stream of bytes into messages. Holds back less than one message. */
export class MessageDecoder {
  #rest = Buffer.alloc(0);

  /**
   * Takes the next bytes, however they were cut, and returns the messages they complete.
   *
   * @throws WireError when a header announces more than 4096 bytes; the stream is lost then.
   */
  push(chunk: Uint8Array): Message[] {
    let bytes = Buffer.concat([this.#rest, chunk]);
    const messages: Message[] = [];
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(12);
      if (length > MAX_PAYLOAD_BYTES) throw tooLong(length);
      const end = HEADER_BYTES + length;
      if (bytes.length < end) break;
      messages.push({
        type: bytes.readUInt32LE(0),
        requestId: bytes.readUInt32LE(4),
        transactionId: bytes.readUInt32LE(8),
        payload: bytes.subarray(HEADER_BYTES, end),
      });
      bytes = bytes.subarray(end);
    }
    this.#rest = Buffer.from(bytes);
    return messages;
  }
}

function tooLong(length: number): WireError {
  return new WireError(`xenstore message of ${length} bytes; the protocol allows ${MAX_PAYLOAD_BYTES}`);
}

/**
 * Strings, each closed by a NUL.
 *
 * @throws WireError when one holds a NUL itself: the rest of it would be taken for the next field.
 */
export function encodeStrings(strings: readonly string[]): Buffer {
  if (strings.some((text) => text.includes('\0'))) throw new WireError('NUL byte in a xenstore string');
  return Buffer.from(strings.map((text) => `${text}\0`).join(''));
}

/** The strings of a payload; the last one may lack its NUL, as in older xenstored. */
export function decodeStrings(payload: Buffer): string[] {
  if (payload.length === 0) return [];
  const text = payload.toString();
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}
