import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openTransport } from '../../src/xenstore/transport.ts';

// xenstored's queue of connections is short, and while it is busy it accepts none: a thread that sleeps.
const BUSY_SERVER = `
require('node:net').createServer(() => undefined).listen({ path: process.argv[1], backlog: 1 }, () => {
  process.stdout.write('listening');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
});`;

test('a connection waits while the queue of xenstored is full', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-'));
  const path = join(directory, 'socket');
  const server = spawn(process.execPath, ['-e', BUSY_SERVER, path]);
  t.teardown(async () => {
    server.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  await once(server.stdout, 'data');
  const ignore = { onData: () => undefined, onLost: () => undefined };
  const transports = await Promise.all(Array.from({ length: 8 }, () => openTransport(path, ignore)));
  for (const transport of transports) transport.close();
  t.is(transports.length, 8);
});
