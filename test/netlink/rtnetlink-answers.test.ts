import test from 'ava';
import { parseMac } from '../../src/address/mac.ts';
import { text, u32 } from '../../src/netlink/attributes.ts';
import { MalformedMessageError, NetlinkError } from '../../src/netlink/error.ts';
import type { NetlinkReply, NetlinkRequest } from '../../src/netlink/message.ts';
import { type Rtnetlink, rtnetlinkOver } from '../../src/netlink/rtnetlink.ts';
import { DeadlineError, type NetlinkTransport } from '../../src/netlink/transport.ts';

// What the real kernel does not do on demand, said by a transport of our own.

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const MULTI = 0x2;
const DUMP_INTR = 0x10;
const CAPPED = 0x100;
const ACK_TLVS = 0x200;
const MAC = parseMac('00:16:3e:38:b4:ac');

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** An NLMSG_ERROR as sent with NETLINK_CAP_ACK. */
function ack(errno: number, tlvs: Buffer = Buffer.alloc(0)): NetlinkReply {
  const payload = Buffer.concat([int32(-errno), Buffer.alloc(16), tlvs]);
  return { type: NLMSG_ERROR, flags: CAPPED | (tlvs.length > 0 ? ACK_TLVS : 0), payload };
}

function done(errno = 0, flags = 0): NetlinkReply {
  return { type: NLMSG_DONE, flags: MULTI | flags, payload: int32(-errno) };
}

function link(index: number, name: string, flags = 0): NetlinkReply {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  const payload = Buffer.concat([header, text(3).write(name), u32(4).write(1500)]);
  return { type: RTM_NEWLINK, flags, payload };
}

/** An Rtnetlink whose requests are answered by `answers`, one after the other. */
function answering(...answers: (NetlinkReply[] | Error)[]): { rtnetlink: Rtnetlink; sent: NetlinkRequest[] } {
  const sent: NetlinkRequest[] = [];
  const transport: NetlinkTransport = {
    async request(request) {
      sent.push(request);
      const answer = answers[sent.length - 1];
      if (answer === undefined) throw new Error('a request too many');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    close: async () => {},
  };
  return { rtnetlink: rtnetlinkOver(transport), sent };
}

test('the extended-ACK text is found behind a capped request', async (t) => {
  const { rtnetlink } = answering([ack(22, text(1).write('No can do'))]);
  const error = await t.throwsAsync(rtnetlink.setLink(7, { up: true }), { instanceOf: NetlinkError });
  t.is(error.kernelMessage, 'No can do');
  t.is(error.message, 'cannot change link interface 7: EINVAL ("No can do")');
});

test('the extended-ACK text is found behind a whole request', async (t) => {
  const echo = Buffer.alloc(24);
  echo.writeUInt32LE(21, 0); // and three bytes of padding
  const payload = Buffer.concat([int32(-22), echo, text(1).write('No can do')]);
  const { rtnetlink } = answering([{ type: NLMSG_ERROR, flags: ACK_TLVS, payload }]);
  const error = await t.throwsAsync(rtnetlink.setLink(7, { up: true }), { instanceOf: NetlinkError });
  t.is(error.kernelMessage, 'No can do');
});

test('the end of a dump carries an error', async (t) => {
  const { rtnetlink } = answering([link(1, 'lo', MULTI), done(12)]);
  const error = await t.throwsAsync(rtnetlink.links(), { instanceOf: NetlinkError });
  t.is(error.errno, 'ENOMEM');
});

test('an error number without a name is given as a number', async (t) => {
  const { rtnetlink } = answering([ack(524)]);
  const error = await t.throwsAsync(rtnetlink.flushFdb(7), { instanceOf: NetlinkError });
  t.is(error.message, 'cannot flush the FDB of interface 7: errno 524');
});

test('errors name an interface that was seen before', async (t) => {
  const { rtnetlink } = answering([link(7, 'vif1.0'), ack(0)], [ack(1)]);
  await rtnetlink.link('vif1.0');
  const error = await t.throwsAsync(rtnetlink.replaceFdb({ port: 7, address: MAC }));
  t.is(error.message, `cannot make ${MAC} an FDB entry of vif1.0: EPERM; run as root (CAP_NET_ADMIN)`);
});

test('an interrupted dump is made again', async (t) => {
  for (const interrupted of [
    [link(1, 'lo', MULTI | DUMP_INTR), done()],
    [link(1, 'lo', MULTI), done(0, DUMP_INTR)],
  ]) {
    const { rtnetlink, sent } = answering(interrupted, [
      link(1, 'lo', MULTI),
      link(2, 'eth0', MULTI),
      done(),
    ]);
    const links = await rtnetlink.links();
    t.deepEqual(
      links.map(({ name }) => name),
      ['lo', 'eth0'],
    );
    t.is(sent.length, 2);
  }
});

test.serial('a clock that is set ends no attempt', async (t) => {
  const { now } = Date;
  t.teardown(() => Object.assign(Date, { now }));
  let hours = 0;
  const later = () => {
    hours += 1;
    return now() + hours * 3_600_000;
  };
  Object.assign(Date, { now: later });
  const interrupted = [link(2, 'vif1.0', DUMP_INTR), done(0, DUMP_INTR)];
  const { rtnetlink } = answering(interrupted, [link(2, 'vif1.0'), done()]);
  t.deepEqual(
    (await rtnetlink.links()).map(({ name }) => name),
    ['vif1.0'],
  );
});

test('a filter that the kernel ignores is applied all the same', async (t) => {
  const { rtnetlink } = answering([link(1, 'lo', MULTI), done()], [link(1, 'lo', MULTI), done()]);
  t.deepEqual(await rtnetlink.links({ kind: 'bridge' }), []);
  t.deepEqual(await rtnetlink.links({ master: 4 }), []);
});

test('an answer without a proper end is malformed', async (t) => {
  const broken: NetlinkReply[][] = [
    [],
    [link(1, 'lo')],
    [ack(0), ack(0)],
    [{ type: NLMSG_DONE, flags: 0, payload: Buffer.alloc(3) }],
    [{ type: NLMSG_ERROR, flags: ACK_TLVS, payload: int32(-22) }],
    [{ type: RTM_NEWLINK, flags: 0, payload: Buffer.alloc(5) }, ack(0)],
  ];
  for (const answer of broken) {
    const { rtnetlink } = answering(answer);
    await t.throwsAsync(rtnetlink.link('lo'), { instanceOf: MalformedMessageError });
  }
});

test('no answer in time is ETIMEDOUT, a broken socket EIO', async (t) => {
  const { rtnetlink } = answering(new DeadlineError('late'), new Error('Bad file descriptor'));
  const late = await t.throwsAsync(rtnetlink.link('lo'), { instanceOf: NetlinkError });
  t.is(late.errno, 'ETIMEDOUT');
  const broken = await t.throwsAsync(rtnetlink.link('lo'), { instanceOf: NetlinkError });
  t.is(broken.errno, 'EIO');
  t.true(broken.cause instanceof Error);
});

test('a link that cannot join its bridge gets no second message, which would bring it up', async (t) => {
  const { rtnetlink, sent } = answering([ack(16)]);
  const change = { master: 3, up: true, port: { isolated: true } };
  const error = await t.throwsAsync(rtnetlink.setLink(7, change), { instanceOf: NetlinkError });
  t.is(error.errno, 'EBUSY');
  t.is(sent.length, 1);
});

test('a link goes up with its port attributes, and down before them', async (t) => {
  const flags = (request: NetlinkRequest | undefined) => Buffer.from(request?.payload ?? []).readUInt32LE(8);
  const mask = (request: NetlinkRequest | undefined) => Buffer.from(request?.payload ?? []).readUInt32LE(12);
  const up = answering([ack(0)], [ack(0)]);
  await up.rtnetlink.setLink(7, { master: 3, up: true, port: { isolated: true } });
  t.deepEqual(up.sent.map(mask), [0, 1]);
  t.is(flags(up.sent[1]), 1);
  const down = answering([ack(0)], [ack(0)]);
  await down.rtnetlink.setLink(7, { master: 3, up: false, port: { isolated: true } });
  t.deepEqual(down.sent.map(mask), [1, 0]);
  t.is(flags(down.sent[0]), 0);
});

test('an FDB entry that is not there is deleted without complaint, any other failure is told', async (t) => {
  const { rtnetlink } = answering([ack(2)], [ack(19)]);
  await rtnetlink.deleteFdb({ port: 7, address: MAC });
  const error = await t.throwsAsync(rtnetlink.deleteFdb({ port: 7, address: MAC }));
  t.is(error.message, `cannot delete the FDB entry ${MAC} of interface 7: ENODEV; the interface is gone`);
});
