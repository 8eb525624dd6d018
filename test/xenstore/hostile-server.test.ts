import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { XenstoreClient } from '../../src/xenstore/client.ts';
import { XenstoreError } from '../../src/xenstore/error.ts';
import {
  encodeMessage,
  encodeStrings,
  type Message,
  MessageDecoder,
  MessageType,
} from '../../src/xenstore/wire.ts';
import { deviceBefore, temporaryDirectory } from './store.ts';

// A server of our own here, for what a real xenstored never does: answer late, wrongly or not at all.

type Answer = (request: Message, socket: Socket) => void;

async function serve(t: ExecutionContext, answer: Answer): Promise<string> {
  const path = join(await temporaryDirectory(t), 'fake');
  const server = createServer((socket) => {
    const decoder = new MessageDecoder();
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      for (const request of decoder.push(bytes)) answer(request, socket);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return path;
}

async function open(t: ExecutionContext, path: string, timeoutMs: number): Promise<XenstoreClient> {
  const client = await XenstoreClient.open({ path, timeoutMs });
  t.teardown(() => client.close());
  return client;
}

async function connectTo(t: ExecutionContext, answer: Answer, timeoutMs = 10_000): Promise<XenstoreClient> {
  return open(t, await serve(t, answer), timeoutMs);
}

const reply = (request: Message, changes: Partial<Message> = {}) =>
  encodeMessage({ ...request, payload: Buffer.from('value'), ...changes });

test('answers in another order still find their requests', async (t) => {
  const held: Message[] = [];
  const client = await connectTo(t, (request, socket) => {
    held.push(request);
    if (held.length < 3) return;
    for (const each of held.reverse()) socket.write(reply(each, { payload: each.payload }));
  });
  t.deepEqual(await client.readAll(['/1', '/2', '/3']), ['/1\0', '/2\0', '/3\0']);
});

test('over a device, a request is sent once the one before is answered', async (t) => {
  // Linux sends what is written to it a little later, out of the one buffer that an opened file has.
  let buffer: Buffer;
  const path = await serve(t, (request, socket) => {
    buffer = request.payload;
    setTimeout(() => socket.write(reply(request, { payload: buffer })), 20);
  });
  const client = await open(t, await deviceBefore(t, path), 1_000);
  const paths = Array.from({ length: 60 }, (_, number) => `/${number}`);
  t.deepEqual(
    await client.readAll(paths),
    paths.map((each) => `${each}\0`),
  );
  const last = client.readAll(['/1', '/2', '/3']);
  client.close();
  await t.throwsAsync(last, { instanceOf: XenstoreError, code: 'ECANCELED' });
});

test('answers that come byte by byte are put together', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    for (const byte of reply(request)) socket.write(Buffer.of(byte));
  });
  t.is(await client.read('/a'), 'value');
});

const lies: Record<string, (request: Message) => Buffer> = {
  'another request id': (request) => reply(request, { requestId: request.requestId + 1 }),
  'another transaction id': (request) => reply(request, { transactionId: 9 }),
  'another type': (request) => reply(request, { type: MessageType.GET_PERMS }),
  'an error for another transaction': (request) =>
    reply(request, { type: MessageType.ERROR, transactionId: 9, payload: encodeStrings(['ENOENT']) }),
  'more than a message may hold': () => Buffer.alloc(16, 0xff),
};

for (const [lie, answer] of Object.entries(lies)) {
  test(`${lie}: everything pending is rejected, and the connection given up`, async (t) => {
    const client = await connectTo(t, (request, socket) => socket.write(answer(request)));
    const [first, second] = await Promise.allSettled([client.read('/a'), client.write('/b', '')]);
    t.like(first, {
      status: 'rejected',
      reason: { name: 'XenstoreError', operation: 'READ', code: 'EPROTO' },
    });
    t.like(second, { status: 'rejected', reason: { operation: 'WRITE', path: '/b', code: 'EPROTO' } });
    t.like(await client.closed, { code: 'EPROTO' });
  });
}

test('one answer sent twice is one too many', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    socket.write(Buffer.concat([reply(request), reply(request)]));
  });
  t.is(await client.read('/a'), 'value');
  t.like(await client.closed, { code: 'EPROTO' });
});

test('an error that is no errno name is not passed on', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    socket.write(reply(request, { type: MessageType.ERROR, payload: encodeStrings(['\x1b[2Jhello']) }));
  });
  const error = await t.throwsAsync(client.read('/a'), { instanceOf: XenstoreError, code: 'EPROTO' });
  t.regex(error?.message ?? '', /"\\x1b\[2Jhello"/);
});

test('no answer at all: rejected in its own time, while one with more of it waits', async (t) => {
  const path = await serve(t, () => {});
  const [patient, client] = [await open(t, path, 60_000), await open(t, path, 100)];
  let waits = true;
  const waiting = patient.read('/a').finally(() => {
    waits = false;
  });
  await t.throwsAsync(client.readAll(['/a', '/b']), { instanceOf: XenstoreError, code: 'ETIMEDOUT' });
  t.like(await client.closed, { code: 'ETIMEDOUT' });
  t.true(waits);
  patient.close();
  await t.throwsAsync(waiting, { instanceOf: XenstoreError, code: 'ECANCELED' });
});

test('a connection closed in the middle of an answer', async (t) => {
  const client = await connectTo(t, (request, socket) => socket.end(reply(request).subarray(0, 18)));
  await t.throwsAsync(client.read('/a'), { instanceOf: XenstoreError, code: 'ECONNRESET' });
});

test('events nobody watches for are passed over', async (t) => {
  const event = (strings: string[]) =>
    encodeMessage({
      type: MessageType.WATCH_EVENT,
      requestId: 0,
      transactionId: 0,
      payload: encodeStrings(strings),
    });
  const client = await connectTo(t, (request, socket) => {
    socket.write(Buffer.concat([event(['/x', 'not-ours']), event([]), event(['/y']), reply(request)]));
  });
  t.is(await client.read('/a'), 'value');
});

test('events between and before the answers reach the right watch', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    t.is(request.requestId, 0, 'the xenbus device answers watches with 0');
    const event = encodeMessage({ ...request, type: MessageType.WATCH_EVENT });
    socket.write(Buffer.concat([event, reply(request, { payload: encodeStrings(['OK']) })]));
  });
  const seen: string[] = [];
  await Promise.all(['/a', '/b', '/c'].map((path) => client.watch(path, (changed) => seen.push(changed))));
  t.deepEqual(seen, ['/a', '/b', '/c']);
});

test('a transaction id of 0 or of nonsense is refused: its steps would take effect at once', async (t) => {
  for (const id of ['0', '', '-1', '4294967296', '0x10']) {
    const client = await connectTo(t, (request, socket) => {
      socket.write(reply(request, { payload: encodeStrings([id]) }));
    });
    const work = client.transaction(async () => t.fail('must not run'));
    await t.throwsAsync(work, { instanceOf: XenstoreError, code: 'EPROTO' }, `id ${id}`);
  }
});

test('a list of children that never ends is given up', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    const tooBig = { type: MessageType.ERROR, payload: encodeStrings(['E2BIG']) };
    const part = { payload: encodeStrings(['1', 'child']) };
    socket.write(reply(request, request.type === MessageType.DIRECTORY ? tooBig : part));
  });
  await t.throwsAsync(client.directory('/a'), { instanceOf: XenstoreError, code: 'EPROTO' });
});

test('a list of children that changes under way is read anew', async (t) => {
  const parts = [
    ['1', 'old'],
    ['2', 'x', ''],
    ['2', 'new'],
    ['2', 'newer', ''],
  ];
  const client = await connectTo(t, (request, socket) => {
    const tooBig = { type: MessageType.ERROR, payload: encodeStrings(['E2BIG']) };
    const answer =
      request.type === MessageType.DIRECTORY ? tooBig : { payload: encodeStrings(parts.shift() ?? []) };
    socket.write(reply(request, answer));
  });
  t.deepEqual(await client.directory('/a'), ['new', 'newer']);
});

test('permissions that are none are refused', async (t) => {
  const client = await connectTo(t, (request, socket) => {
    socket.write(reply(request, { payload: encodeStrings(['n0', 'x1']) }));
  });
  await t.throwsAsync(client.getPerms('/a'), { instanceOf: XenstoreError, code: 'EPROTO' });
});

test('whatever bytes come back, the request ends with a value or an XenstoreError', async (t) => {
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
    const client = await connectTo(t, (_, socket) => socket.end(bytes));
    const [result] = await Promise.allSettled([client.read('/a')]);
    client.close();
    return result?.status === 'fulfilled' || result?.reason instanceof XenstoreError;
  });
  await t.notThrowsAsync(() => fc.assert(property, { numRuns: 50 }));
});
