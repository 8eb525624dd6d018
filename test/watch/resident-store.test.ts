import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { ResidentStore } from '../../src/watch/resident-store.ts';
import { XenstoreError } from '../../src/xenstore/error.ts';
import { encodeMessage, MessageDecoder, MessageType } from '../../src/xenstore/wire.ts';
import { temporaryDirectory } from '../xenstore/store.ts';

test('a xenstored that refuses the watch is left with no connection', async (t) => {
  // A server of our own: no real xenstored refuses a watch on demand.
  const path = join(await temporaryDirectory(t), 'fake');
  const server = createServer((socket) => {
    const decoder = new MessageDecoder();
    socket.on('data', (bytes) => {
      for (const request of decoder.push(bytes))
        socket.write(encodeMessage({ ...request, type: MessageType.ERROR, payload: Buffer.from('E2BIG\0') }));
    });
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const connected = once(server, 'connection') as Promise<[Socket]>;
  process.env.XENSTORED_PATH = path;
  const store = new ResidentStore({ onTouch: () => {}, onLost: () => {}, onReturn: () => {} });
  await t.throwsAsync(store.connect(), { instanceOf: XenstoreError, code: 'E2BIG' });
  const [socket] = await connected;
  if (!socket.closed) await once(socket, 'close');
  t.true(socket.closed);
});
