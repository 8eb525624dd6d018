import test from 'ava';
import fc from 'fast-check';
import { accessVlan, parseBridgeVlans, vlanDeletion, vlanDumpQuery } from '../../src/netlink/bridge-vlan.ts';
import { MalformedMessageError } from '../../src/netlink/error.ts';

// include/uapi/linux/if_bridge.h: struct br_vlan_msg is family, 3 reserved octets, the index; an entry holds
// struct bridge_vlan_info, flags and ID, and the last ID of a range.

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const message = (...parts: string[]) => Buffer.from(parts.join(''), 'hex');

const PORT_7 = '07000000' + '07000000';

test('an access VLAN is PVID and untagged', (t) => {
  t.is(hex(accessVlan({ port: 7, vid: 10 })), `${PORT_7}0c0001800800010006000a00`);
});

test('one VLAN is deleted, or a range', (t) => {
  t.is(hex(vlanDeletion({ port: 7, first: 1, last: 1 })), `${PORT_7}0c0001800800010000000100`);
  t.is(
    hex(vlanDeletion({ port: 7, first: 20, last: 29 })),
    `${PORT_7}140001800800010000001400060002001d000000`,
  );
});

test('those of one port are asked for, or all', (t) => {
  t.is(hex(vlanDumpQuery(7)), PORT_7);
  t.is(hex(vlanDumpQuery()), '0700000000000000');
});

test('what the kernel lists is read: each entry, its range and its flags; entries of other kinds are not', (t) => {
  // With BRIDGE_VLANDB_ENTRY_STATE behind, as the kernel has it, and BRIDGE_VLANDB_GLOBAL_OPTIONS.
  const listed = message(
    PORT_7,
    '14000180' + '0800010006000a00' + '05000300' + '03000000',
    '14000180' + '0800010000001400' + '060002001d000000',
    '0c000280' + '06000100' + '0a000000',
  );
  t.deepEqual(parseBridgeVlans(listed), [
    { port: 7, first: 10, last: 10, pvid: true, untagged: true },
    { port: 7, first: 20, last: 29, pvid: false, untagged: false },
  ]);
});

test('any octets are VLANs or malformed, and nothing else', (t) => {
  const entry = fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => Buffer.concat([message(PORT_7, '28000180'), bytes]));
  fc.assert(
    fc.property(fc.oneof(entry, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      try {
        parseBridgeVlans(Buffer.from(bytes));
        return true;
      } catch (error) {
        return error instanceof MalformedMessageError;
      }
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
