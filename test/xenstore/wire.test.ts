import test from 'ava';
import fc from 'fast-check';
import {
  decodeStrings,
  encodeMessage,
  encodeStrings,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  type Message,
  MessageDecoder,
  WireError,
} from '../../src/xenstore/wire.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const message: fc.Arbitrary<Message> = fc.record({
  type: u32,
  requestId: u32,
  transactionId: u32,
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('a message is four little-endian words, type, req_id, tx_id and len, and the payload', (t) => {
  const bytes = encodeMessage({
    type: 2,
    requestId: 0x01020304,
    transactionId: 5,
    payload: encodeStrings(['/a']),
  });
  t.is(bytes.toString('hex'), '02000000' + '04030201' + '05000000' + '03000000' + '2f6100');
});

test('whatever is encoded comes back, however the bytes are cut', (t) => {
  const property = fc.property(
    fc.array(message, { maxLength: 6 }),
    fc.array(fc.nat(400)),
    (messages, cuts) => {
      const decoder = new MessageDecoder();
      let rest = Buffer.concat(messages.map(encodeMessage));
      const decoded = cuts.flatMap((cut) => {
        const piece = rest.subarray(0, cut);
        rest = rest.subarray(cut);
        return decoder.push(piece);
      });
      t.deepEqual([...decoded, ...decoder.push(rest)], messages);
    },
  );
  t.notThrows(() => fc.assert(property));
});

test('any bytes at all are decoded, or refused with a WireError', (t) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
    const decoder = new MessageDecoder();
    try {
      const payloads = chunks.flatMap((chunk) => decoder.push(chunk)).map((each) => each.payload);
      t.true(payloads.every((payload) => payload.length <= MAX_PAYLOAD_BYTES));
      payloads.forEach(decodeStrings);
    } catch (error) {
      t.true(error instanceof WireError);
    }
  });
  t.notThrows(() => fc.assert(property));
});

test('a header that announces too much is refused before the payload is waited for', (t) => {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAX_PAYLOAD_BYTES, 12);
  t.deepEqual(new MessageDecoder().push(header), []);
  header.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 12);
  t.throws(() => new MessageDecoder().push(header), { instanceOf: WireError, message: /4097 bytes/ });
});

test('a payload over 4096 bytes is not encoded', (t) => {
  const encode = (length: number) =>
    encodeMessage({ type: 11, requestId: 1, transactionId: 0, payload: Buffer.alloc(length) });
  t.is(encode(MAX_PAYLOAD_BYTES).length, HEADER_BYTES + MAX_PAYLOAD_BYTES);
  t.throws(() => encode(MAX_PAYLOAD_BYTES + 1), { instanceOf: WireError });
});

test('strings are closed by NUL and cannot hold one', (t) => {
  t.is(encodeStrings(['a', '', 'bc']).toString(), 'a\0\0bc\0');
  t.deepEqual(decodeStrings(Buffer.from('a\0\0bc\0')), ['a', '', 'bc']);
  t.deepEqual(decodeStrings(Buffer.from('OK')), ['OK']);
  t.deepEqual(decodeStrings(Buffer.alloc(0)), []);
  t.deepEqual(decodeStrings(Buffer.from('\0')), ['']);
  t.throws(() => encodeStrings(['a\0b']), { instanceOf: WireError });
});
