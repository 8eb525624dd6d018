import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { XenstoreClient } from '../../src/xenstore/client.ts';
import { startXenstored, type Xenstored } from '../lab/xenstored.ts';

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'vifguard-xs-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 500) throw new Error('the condition did not come true within 5 s');
    await sleep(10);
  }
}

/** A real xenstored and our client connected to it; both end with the test. */
export async function startStore(t: ExecutionContext): Promise<{ xs: Xenstored; client: XenstoreClient }> {
  const xs = await startXenstored(await temporaryDirectory(t));
  t.teardown(() => xs.stop());
  const client = await XenstoreClient.open({ path: xs.socket });
  t.teardown(() => client.close());
  return { xs, client };
}

/**
 * A character device with a server behind it, as /dev/xen/xenbus has, which exists under Xen only: a
 * pseudo-terminal that socat connects to the server's socket.
 */
export async function deviceBefore(t: ExecutionContext, socket: string): Promise<string> {
  const device = join(await temporaryDirectory(t), 'xenbus');
  const socat = execa(
    'socat',
    [`PTY,link=${device},rawer,wait-slave,pty-interval=0.01`, `UNIX-CONNECT:${socket}`],
    {
      reject: false,
    },
  );
  t.teardown(async () => {
    socat.kill();
    await socat;
  });
  await once(socat, 'spawn');
  await waitFor(async () => (await execa('test', ['-c', device], { reject: false })).exitCode === 0);
  return device;
}
