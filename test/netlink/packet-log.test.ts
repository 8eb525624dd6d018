import test from 'ava';
import { bytesAttribute, nestedAttribute, text } from '../../src/netlink/attributes.ts';
import { MalformedMessageError } from '../../src/netlink/error.ts';
import { listenRequest, parseLoggedPacket } from '../../src/netlink/packet-log.ts';

const PACKET = 0x0400;
const BRIDGE = 7;
const NETDEV = 5;
const INET6 = 10;

const u32 = (type: number, value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytesAttribute(type, bytes);
};
const hook = (number: number) => bytesAttribute(1, Buffer.of(0x08, 0x06, number, 0));
const message = (family: number, ...attributes: readonly Buffer[]) => ({
  type: PACKET,
  flags: 0,
  payload: Buffer.concat([Buffer.of(family, 0, 0, 1), ...attributes]),
});

const LINK = Buffer.from('ffffffffffff00163e0001000806', 'hex');
const PAYLOAD = Buffer.from('0001080006040002', 'hex');
const WHOLE = Buffer.concat([LINK, PAYLOAD]);

test('a bridge’s frame is its link header and its payload, and its port the physical device', (t) => {
  const packet = message(
    BRIDGE,
    ...[hook(0), u32(4, 3), u32(6, 12), text(10).write('vifguard')],
    ...[bytesAttribute(21, LINK), bytesAttribute(9, PAYLOAD)],
  );
  t.deepEqual(parseLoggedPacket(packet), {
    prefix: 'vifguard',
    hook: 0,
    inward: 12,
    outward: undefined,
    frame: WHOLE,
  });
});

test('without br_netfilter the kernel names only the device', (t) => {
  const packet = parseLoggedPacket(message(BRIDGE, u32(4, 12), u32(5, 13)));
  t.deepEqual([packet?.inward, packet?.outward], [12, 13]);
});

test('a VLAN tag that the kernel keeps apart stands behind the MACs again', (t) => {
  const vlan = nestedAttribute(20, [
    bytesAttribute(1, Buffer.from('8100', 'hex')),
    bytesAttribute(2, Buffer.from('0007', 'hex')),
  ]);
  const packet = parseLoggedPacket(
    message(BRIDGE, vlan, bytesAttribute(21, LINK), bytesAttribute(9, PAYLOAD)),
  );
  t.is(packet?.frame.toString('hex'), `ffffffffffff00163e000100810000070806${PAYLOAD.toString('hex')}`);
});

test('what ip6tables logs has its link header as that of the hardware', (t) => {
  const header = Buffer.concat([LINK, Buffer.alloc(4)]);
  const packet = parseLoggedPacket(
    message(INET6, hook(0), bytesAttribute(16, header), bytesAttribute(9, PAYLOAD)),
  );
  t.deepEqual(packet?.frame, WHOLE);
});

test('what a device sends is logged whole, what it receives in parts', (t) => {
  const of = (number: number, payload: Buffer) =>
    parseLoggedPacket(message(NETDEV, hook(number), bytesAttribute(21, LINK), bytesAttribute(9, payload)))
      ?.frame;
  t.deepEqual(of(0, PAYLOAD), WHOLE);
  t.deepEqual(of(1, WHOLE), WHOLE);
});

test('what is no packet is left out, and what is malformed refused', (t) => {
  t.is(parseLoggedPacket({ type: 3, flags: 0, payload: Buffer.alloc(4) }), undefined);
  const bad = [
    { type: PACKET, flags: 0, payload: Buffer.alloc(3) },
    message(BRIDGE, bytesAttribute(4, Buffer.alloc(2))),
    message(BRIDGE, nestedAttribute(20, [])),
    message(BRIDGE, Buffer.of(200, 0, 9, 0)),
  ];
  for (const packet of bad) t.throws(() => parseLoggedPacket(packet), { instanceOf: MalformedMessageError });
});

test('the request names the group in network order', (t) => {
  t.is(Buffer.from(listenRequest(0x5647).payload).toString('hex', 0, 4), '00005647');
});
