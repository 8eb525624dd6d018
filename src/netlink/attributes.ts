import { InputError } from '../errors.ts';
import { MalformedMessageError } from './error.ts';

/**
 * Netlink attributes (include/uapi/linux/netlink.h, struct nlattr): a length of 16 bits that counts
 * the four header bytes, a type of 16 bits, the value, padding to four bytes. Integers are in host
 * order, which is little-endian on every machine that runs Xen (x86 and ARM).
 */
export type Attributes = ReadonlyMap<number, Buffer>;

const HEADER_BYTES = 4;
const MAX_VALUE_BYTES = 0xffff - HEADER_BYTES;
const NLA_F_NESTED = 0x8000;
/** What is left of a type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;

/**
 * Splits `bytes` into its attributes, by type; of two with one type the last counts, as in the
 * kernel's nla_parse(). The values are views of `bytes`.
 *
 * @throws MalformedMessageError when an attribute does not lie inside `bytes`.
 */
export function parseAttributes(bytes: Buffer): Attributes {
  return new Map(parseAttributeList(bytes).map(({ type, value }) => [type, value]));
}

/** The same in their order, where one type may come several times. @throws MalformedMessageError */
export function parseAttributeList(bytes: Buffer): { readonly type: number; readonly value: Buffer }[] {
  const attributes: { type: number; value: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER_BYTES) throw malformed(bytes, at, 'no room for a header');
    const length = bytes.readUInt16LE(at);
    if (length < HEADER_BYTES) throw malformed(bytes, at, `a length of ${length}`);
    if (length > bytes.length - at) throw malformed(bytes, at, `a length of ${length}, past the end`);
    attributes.push({
      type: bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK,
      value: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return attributes;
}

function malformed(bytes: Buffer, at: number, fault: string): MalformedMessageError {
  return new MalformedMessageError(`attribute at byte ${at} of ${bytes.length} has ${fault}`);
}

/** One attribute of raw bytes. @throws InputError when it cannot be expressed in 16 bits of length. */
export function bytesAttribute(type: number, value: Uint8Array): Buffer {
  if (value.length > MAX_VALUE_BYTES) {
    throw new InputError(
      `netlink attribute ${type} of ${value.length} bytes is too long; ${MAX_VALUE_BYTES} is the most`,
    );
  }
  const attribute = Buffer.alloc(align(HEADER_BYTES + value.length));
  attribute.writeUInt16LE(HEADER_BYTES + value.length, 0);
  attribute.writeUInt16LE(type, 2);
  attribute.set(value, HEADER_BYTES);
  return attribute;
}

/** An attribute whose value is attributes. */
export function nestedAttribute(type: number, attributes: readonly Uint8Array[]): Buffer {
  return bytesAttribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/** How one value travels in an attribute of its own. */
export interface Field<T> {
  readonly type: number;
  /** The whole attribute. @throws InputError when the value does not fit. */
  write(value: T): Buffer;
  /** The value of an attribute. @throws MalformedMessageError when it has another size. */
  read(value: Buffer): T;
}

/** An unsigned integer of 1, 2 or 4 bytes, in host order. */
function uintField(type: number, size: 1 | 2 | 4): Field<number> {
  return {
    type,
    write(value) {
      if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
        throw new InputError(
          `${value} does not fit netlink attribute ${type}; it takes 0 to ${2 ** (8 * size) - 1}`,
        );
      }
      const bytes = Buffer.alloc(size);
      bytes.writeUIntLE(value, 0, size);
      return bytesAttribute(type, bytes);
    },
    read: (value) => sized(type, value, size).readUIntLE(0, size),
  };
}

export const u8 = (type: number) => uintField(type, 1);
export const u16 = (type: number) => uintField(type, 2);
export const u32 = (type: number) => uintField(type, 4);

/** One of 4 bytes in network order, in which netfilter speaks. */
export function be32(type: number): Field<number> {
  const swapped = u32(type);
  const swap = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes.readUInt32BE();
  };
  return { type, write: (value) => swapped.write(swap(value)), read: (value) => swap(swapped.read(value)) };
}

/** A switch: a byte that is 0 or not. */
export function flag(type: number): Field<boolean> {
  const byte = u8(type);
  return { type, write: (on) => byte.write(on ? 1 : 0), read: (value) => byte.read(value) !== 0 };
}

/** Text in UTF-8. The kernel accepts it with or without a final NUL; this writes one. */
export function text(type: number): Field<string> {
  return {
    type,
    write(value) {
      if (value.includes('\0')) {
        throw new InputError(
          `${JSON.stringify(value)} has a NUL in it, at which the kernel would cut it off`,
        );
      }
      return bytesAttribute(type, Buffer.from(`${value}\0`));
    },
    read(value) {
      const end = value.indexOf(0);
      return value.toString('utf8', 0, end === -1 ? value.length : end);
    },
  };
}

function sized(type: number, value: Buffer, size: number): Buffer {
  if (value.length !== size) {
    throw new MalformedMessageError(`attribute ${type} holds ${value.length} bytes instead of ${size}`);
  }
  return value;
}

/** A set of named fields, such as the attributes of a bridge port. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** The attributes for those of `values` that are present. @throws InputError */
export function writeFields<T extends object>(fields: Fields<T>, values: Partial<T>): Buffer[] {
  return fieldNames(fields).flatMap((name) => {
    const value: T[typeof name] | undefined = values[name];
    return value === undefined ? [] : [fields[name].write(value)];
  });
}

/** Those of `fields` that are present. @throws MalformedMessageError */
export function readFields<T extends object>(fields: Fields<T>, attributes: Attributes): Partial<T> {
  const values: Partial<T> = {};
  for (const name of fieldNames(fields)) {
    const value = attributes.get(fields[name].type);
    if (value !== undefined) values[name] = fields[name].read(value);
  }
  return values;
}

function fieldNames<T extends object>(fields: Fields<T>): (keyof T)[] {
  return Object.keys(fields) as (keyof T)[];
}
