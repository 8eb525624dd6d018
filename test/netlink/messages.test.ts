import test from 'ava';
import fc from 'fast-check';
import { MalformedMessageError } from '../../src/netlink/error.ts';
import { parseMessages } from '../../src/netlink/message.ts';
import { Transactions, touchedLinks } from '../../src/watch/notifications.ts';

function message(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc((16 + payload.length + 3) & ~3);
  bytes.writeUInt32LE(16 + payload.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.set(payload, 16);
  return bytes;
}

test('a datagram is cut into its messages, whose padding is nobody’s', (t) => {
  const datagram = Buffer.concat([message(16, Buffer.of(1, 2, 3)), message(28, Buffer.of())]);
  t.deepEqual(
    parseMessages(datagram).map(({ type, payload }) => [type, [...payload]]),
    [
      [16, [1, 2, 3]],
      [28, []],
    ],
  );
});

const NEWGEN = 0x0a0f;
const NEWRULE = 0x0a06;

/** NEWGEN of a process: NFTA_GEN_PROC_PID in network order, NFTA_GEN_PROC_NAME. */
const generation = (pid: number) =>
  message(
    NEWGEN,
    Buffer.of(0, 0, 0, 0, 8, 0, 2, 0, 0, 0, pid >> 8, pid & 0xff, 8, 0, 3, 0, 110, 102, 116, 0),
  );
const rule = (family: number) => message(NEWRULE, Buffer.of(family, 0, 0, 0));

test('a transaction is somebody’s whose rules are in a family of ours, however it is cut', (t) => {
  const transactions = new Transactions();
  const push = (...parts: Buffer[]) => transactions.push(parseMessages(Buffer.concat(parts)));
  t.deepEqual(push(rule(2), generation(700)), []);
  t.deepEqual(push(rule(7), generation(701)), [{ pid: 701, program: 'nft' }]);
  t.deepEqual(push(rule(10), rule(2)), []);
  t.deepEqual(push(generation(702), generation(703)), [{ pid: 702, program: 'nft' }]);
});

test('a VLAN that came to a port or went from it is news of that port', (t) => {
  // struct br_vlan_msg of the port, then BRIDGE_VLANDB_ENTRY with its BRIDGE_VLANDB_ENTRY_INFO.
  const vlan = (port: number) =>
    Buffer.of(7, 0, 0, 0, port, 0, 0, 0, 12, 0, 1, 0x80, 8, 0, 1, 0, 6, 0, 10, 0);
  t.deepEqual(touchedLinks(parseMessages(Buffer.concat([message(112, vlan(7)), message(113, vlan(8))]))), [
    { index: 7 },
    { index: 8 },
  ]);
});

test('any octets are messages or malformed, and nothing else', (t) => {
  const read = (datagram: Buffer) => {
    const messages = parseMessages(datagram);
    new Transactions().push(messages);
    touchedLinks(messages);
  };
  const octets = fc.uint8Array({ maxLength: 200 });
  const typed = fc
    .array(fc.tuple(fc.constantFrom(16, 17, 28, 29, 112, 113, NEWGEN, NEWRULE), octets), { maxLength: 4 })
    .map((messages) => Buffer.concat(messages.map(([type, payload]) => message(type, payload))));
  fc.assert(
    fc.property(fc.oneof(octets.map(Buffer.from), typed), (bytes) => {
      try {
        read(Buffer.from(bytes));
      } catch (error) {
        if (!(error instanceof MalformedMessageError)) throw error;
      }
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});
