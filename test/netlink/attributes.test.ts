import test from 'ava';
import fc from 'fast-check';
import { InputError } from '../../src/errors.ts';
import {
  bytesAttribute,
  type Field,
  flag,
  nestedAttribute,
  parseAttributes,
  readFields,
  text,
  u8,
  u16,
  u32,
} from '../../src/netlink/attributes.ts';
import { BRIDGE_PORT } from '../../src/netlink/bridge-port.ts';
import { MalformedMessageError } from '../../src/netlink/error.ts';
import { parseFdbEntry } from '../../src/netlink/fdb.ts';
import { parseIpv4Address } from '../../src/netlink/ip-address.ts';
import { parseLink } from '../../src/netlink/link.ts';
import { readAnswer } from '../../src/netlink/message.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Bytes, views of the middle of a larger buffer, as messages in a receive buffer are. */
const bytes = fc
  .uint8Array({ maxLength: 200 })
  .map((array) => Buffer.concat([Buffer.alloc(7, 0xee), array, Buffer.alloc(9, 0xee)]).subarray(7, -9));

/** Attributes as the kernel would send them, in which up to three bytes then go wrong. */
const damaged = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
  )
  .map(([attributes, damages]) => {
    const message = Buffer.concat(attributes.map(([type, value]) => bytesAttribute(type, value)));
    for (const [at, byte] of damages) if (message.length > 0) message[at % message.length] = byte;
    return message;
  });

function onlyMalformed(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
  }
}

test('attributes have the layout of struct nlattr', (t) => {
  t.deepEqual(u8(5).write(1), hex('0500 0500 01 000000'));
  t.deepEqual(u16(5).write(0x0102), hex('0600 0500 0201 0000'));
  t.deepEqual(u32(5).write(0x01020304), hex('0800 0500 04030201'));
  t.deepEqual(text(3).write('lo'), hex('0700 0300 6c6f00 00'));
  t.deepEqual(flag(9).write(true), u8(9).write(1));
  t.deepEqual(nestedAttribute(2, [u8(1).write(7)]), hex('0c00 0280 0500 0100 07 000000'));
});

test('what a field writes it reads back', (t) => {
  const roundTrip = <T>(field: Field<T>, values: fc.Arbitrary<T>) =>
    fc.assert(
      fc.property(values, (value) => {
        const written = parseAttributes(field.write(value)).get(field.type);
        t.deepEqual(written && field.read(written), value);
      }),
    );
  roundTrip(u8(1), fc.integer({ min: 0, max: 0xff }));
  roundTrip(u16(2), fc.integer({ min: 0, max: 0xffff }));
  roundTrip(u32(3), fc.integer({ min: 0, max: 0xffffffff }));
  roundTrip(flag(5), fc.boolean());
  roundTrip(
    text(6),
    fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0')),
  );
});

test('values that do not fit are refused and quoted', (t) => {
  const refuse = (action: () => unknown, message: RegExp) =>
    t.throws(action, { instanceOf: InputError, message });
  refuse(() => u8(1).write(256), /^256 does not fit netlink attribute 1; it takes 0 to 255$/);
  refuse(() => u16(1).write(-1), /^-1 does not fit/);
  refuse(() => u32(1).write(2 ** 32), /^4294967296 does not fit/);
  refuse(() => u32(1).write(1.5), /^1.5 does not fit/);
  refuse(() => u32(1).write(Number.NaN), /^NaN does not fit/);
  refuse(() => text(1).write('vif1.0\0x'), /^"vif1.0\\u0000x" has a NUL/);
  refuse(() => bytesAttribute(1, Buffer.alloc(0xfffc)), /65532 bytes is too long; 65531 is the most/);
});

test('malformed attributes are refused', (t) => {
  const refuse = (message: string, expected: RegExp) =>
    t.throws(() => parseAttributes(hex(message)), { instanceOf: MalformedMessageError, message: expected });
  refuse('0500', /byte 0 of 2 has no room for a header/);
  refuse('0300 0100', /byte 0 of 4 has a length of 3/);
  refuse('0000 0100', /byte 0 of 4 has a length of 0/);
  refuse('0900 0100 00000000', /byte 0 of 8 has a length of 9, past the end/);
  refuse('0400 0100 ff', /byte 4 of 5 has no room/);
  t.throws(() => u32(4).read(Buffer.alloc(3)), { message: /attribute 4 holds 3 bytes instead of 4/ });
});

test('flag bits of the type are masked, the last of equals counts, the final padding may be missing', (t) => {
  const attributes = parseAttributes(hex('0500 0180 01 000000  0500 0140 02 000000  0500 0200 03'));
  t.deepEqual([...attributes], [
    [1, hex('02')],
    [2, hex('03')],
  ] as [number, Buffer][]);
});

test('no bytes make the codec read outside of them or fail otherwise than malformed', (t) => {
  fc.assert(
    fc.property(fc.oneof(bytes, damaged), (message) => {
      onlyMalformed(() => {
        for (const value of parseAttributes(message).values()) {
          const start = value.byteOffset - message.byteOffset;
          t.true(start >= 4 && start + value.length <= message.length);
        }
      });
    }),
    { numRuns: 2000 },
  );
});

test('no bytes make the parsers of messages fail otherwise than malformed', (t) => {
  const flags = fc.constantFrom(0, 0x100, 0x200, 0x300);
  fc.assert(
    fc.property(fc.oneof(bytes, damaged), fc.constantFrom(2, 3), flags, (payload, type, flags) => {
      const header = Buffer.alloc(16);
      onlyMalformed(() => parseLink(payload));
      onlyMalformed(() => parseLink(Buffer.concat([header, payload])));
      onlyMalformed(() => parseFdbEntry(payload));
      onlyMalformed(() => parseFdbEntry(Buffer.concat([header.subarray(4), payload])));
      onlyMalformed(() => parseIpv4Address(payload));
      onlyMalformed(() => parseIpv4Address(Buffer.concat([header.subarray(8), payload])));
      onlyMalformed(() => readFields(BRIDGE_PORT, parseAttributes(payload)));
      onlyMalformed(() => readAnswer([{ type, flags, payload }]));
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('every bridge port setting has an attribute of its own', (t) => {
  const types = Object.values(BRIDGE_PORT).map((field) => field.type);
  t.is(new Set(types).size, types.length);
});
