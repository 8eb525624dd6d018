import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VifguardError } from '../errors.ts';
import { systemCall } from '../netlink/syscall.ts';

export interface LockOptions {
  /** How long to wait for the lock, in milliseconds. */
  readonly timeoutMs: number;
}

/** Somebody else held the lock for all the time there was. */
export class LockTimeoutError extends VifguardError {
  override readonly name = 'LockTimeoutError';
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const POLL_MS = 5;

/**
 * Runs `action` while holding flock(2)'s exclusive lock on a file, which is made if need be, its
 * directory for root alone. The kernel releases the lock when the process ends, however it ends.
 * The file stays: removing it would let two hold "the" lock.
 *
 * @throws LockTimeoutError, VifguardError when there can be no such file, and whatever `action` throws.
 */
export async function withLock<T>(path: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  const file = await openLockFile(path);
  try {
    await acquire(file, path, options);
    return await action();
  } finally {
    await file.close();
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, 'a', 0o600);
  } catch (cause) {
    throw new VifguardError(`cannot open the lock file ${path}; see that it can be written to`, { cause });
  }
}

async function acquire(file: FileHandle, path: string, { timeoutMs }: LockOptions): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!tryLock(file.fd)) {
    if (performance.now() >= deadline) {
      throw new LockTimeoutError(`cannot lock ${path} within ${timeoutMs} ms; ${await holder(file)}`);
    }
    // Not all at the same moment, when many wait.
    await sleep(POLL_MS * (0.5 + Math.random()));
  }
}

function tryLock(fd: number): boolean {
  try {
    systemCall('flock', fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    // strerror(3)'s text for EWOULDBLOCK.
    if (error instanceof Error && error.message === 'Resource temporarily unavailable') return false;
    throw error;
  }
}

/** Who has the lock, by /proc/locks (proc(5)): "1: FLOCK  ADVISORY  WRITE 708 08:01:2360 0 EOF". */
async function holder(file: FileHandle): Promise<string> {
  const { ino } = await file.stat();
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const pid = new RegExp(`FLOCK .* (\\d+) \\S+:${ino} `).exec(locks)?.[1];
  if (pid === undefined) return 'another vifguard process may hold it';
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return `process ${pid} holds it (${command.replaceAll('\0', ' ').trim()})`;
}
