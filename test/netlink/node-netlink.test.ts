import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { execa } from 'execa';
import { VifguardError } from '../../src/errors.ts';
import { text } from '../../src/netlink/attributes.ts';
import { readAnswer } from '../../src/netlink/message.ts';
import { openNodeNetlink } from '../../src/netlink/node-netlink.ts';
import { openRtnetlink } from '../../src/netlink/rtnetlink.ts';

// These read the loopback link of the namespace they run in, and change nothing.

const RTM_GETLINK = 18;

/** The shortest of several times in milliseconds: a busy machine lengthens some of them. */
async function shortest(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) times.push(await measure());
  return Math.min(...times);
}

test('close does not wait for the poll of 100 ms', async (t) => {
  const time = await shortest(async () => {
    const rtnetlink = await openRtnetlink();
    await rtnetlink.link('lo');
    const start = performance.now();
    await rtnetlink.close();
    return performance.now() - start;
  });
  t.true(time < 90, `${time} ms`);
});

test('the process ends at once after close', async (t) => {
  const time = await shortest(async () => {
    const script = fileURLToPath(new URL('close-and-end.ts', import.meta.url));
    const { stdout } = await execa(process.execPath, ['--import=tsx', script]);
    return Date.now() - Number(stdout);
  });
  t.true(time < 90, `${time} ms`);
});

test('requests at the same time are all answered, each with its own answer', async (t) => {
  const rtnetlink = await openRtnetlink();
  t.teardown(() => rtnetlink.close());
  const [lo, none, links, again] = await Promise.all([
    rtnetlink.link('lo'),
    rtnetlink.link('no-such-link'),
    rtnetlink.links(),
    rtnetlink.link('lo'),
  ]);
  t.is(lo?.name, 'lo');
  t.is(none, undefined);
  t.true(links.some((link) => link.index === lo?.index));
  t.deepEqual(again, lo);
});

test('the answer ends with the acknowledgement, which explains an error', async (t) => {
  const transport = await openNodeNetlink();
  t.teardown(() => transport.close());
  const tooLong = Buffer.concat([Buffer.alloc(16), text(3).write('a-name-of-more-than-15-bytes')]);
  const replies = await transport.request({ type: RTM_GETLINK, flags: 0, payload: tooLong }, 5000);
  t.is(replies.length, 1);
  t.is(readAnswer(replies).kernelMessage, 'Attribute failed policy validation');
});

test('close waits for what was asked before it, happens once, and ends all requests', async (t) => {
  const transport = await openNodeNetlink();
  const request = { type: RTM_GETLINK, flags: 0x300, payload: Buffer.alloc(16) };
  const answer = transport.request(request, 5000);
  await Promise.all([transport.close(), transport.close()]);
  t.true((await answer).length > 1);
  await t.throwsAsync(transport.request(request, 5000), { instanceOf: VifguardError, message: /closed/ });
});

test.serial('a program we run does not inherit the socket', async (t) => {
  const sockets = () =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // the directory's own
      }
    });
  const before = sockets();
  const transport = await openNodeNetlink();
  t.teardown(() => transport.close());
  const added = sockets().filter((link) => link.startsWith('socket:') && !before.includes(link));
  t.is(added.length, 1);
  const { stdout } = await execa('find', ['/proc/self/fd', '-printf', '%l\n']);
  t.false(stdout.includes(added[0] ?? ''));
});
