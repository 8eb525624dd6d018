import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { LockTimeoutError, withLock } from '../../src/port/lock.ts';

async function lockPath(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-lock-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return join(directory, 'run', 'vifguard', 'lock');
}

/** Another process that holds the lock, by flock(1), until it is killed. */
async function otherHolder(t: ExecutionContext, path: string): Promise<ChildProcess> {
  const child = spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo locked; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

const SOON = { timeoutMs: 10_000 };

test('one at a time gets the lock, each in the end', async (t) => {
  const path = await lockPath(t);
  let inside = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(path, SOON, async () => {
        inside += 1;
        t.is(inside, 1);
        await sleep(2);
        inside -= 1;
        done += 1;
      }),
    ),
  );
  t.is(done, 8);
});

test('the result and the error of the action come through, and the lock is free again', async (t) => {
  const path = await lockPath(t);
  t.is(await withLock(path, SOON, async () => 7), 7);
  const fail = withLock(path, SOON, () => Promise.reject(new Error('boom')));
  await t.throwsAsync(fail, { message: 'boom' });
  t.is(await withLock(path, { timeoutMs: 0 }, async () => 8), 8);
});

test('file and directories are for root alone', async (t) => {
  const path = await lockPath(t);
  await withLock(path, SOON, async () => {});
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.is((await stat(join(path, '..'))).mode & 0o777, 0o700);
});

test('who holds the lock is named when it takes too long', async (t) => {
  const path = await lockPath(t);
  await withLock(path, SOON, async () => {});
  const child = await otherHolder(t, path);
  let ran = false;
  const attempt = withLock(path, { timeoutMs: 60 }, async () => {
    ran = true;
  });
  const error = await t.throwsAsync(attempt, { instanceOf: LockTimeoutError });
  t.is(error.message, `cannot lock ${path} within 0.1 s; process ${child.pid} holds it (sleep 1000)`);
  t.false(ran);
});

test('the lock of a process that is killed is free', async (t) => {
  const path = await lockPath(t);
  await withLock(path, SOON, async () => {});
  const child = await otherHolder(t, path);
  const waiting = withLock(path, SOON, async () => 'mine');
  child.kill('SIGKILL');
  t.is(await waiting, 'mine');
});

test('a pipe in the place of the lock file is refused, and nobody waits for it', async (t) => {
  const path = await lockPath(t);
  await mkdir(dirname(path), { recursive: true });
  await execa('mkfifo', [path]);
  const message = /^cannot open the lock file \S+\/lock; move \S+\/lock away$/;
  await t.throwsAsync(
    withLock(path, SOON, async () => {}),
    { message },
  );
});
