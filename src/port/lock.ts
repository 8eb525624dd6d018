import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VifguardError } from '../errors.ts';
import { systemCall } from '../netlink/syscall.ts';
import { obstacleTo } from './obstacle.ts';

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
/** A pipe in the place of the file must not make anybody wait. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

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
    return await open(path, APPEND, 0o600);
  } catch (cause) {
    throw new VifguardError(`cannot open the lock file ${path}; ${await adviceFor(path)}`, { cause });
  }
}

async function adviceFor(path: string): Promise<string> {
  const there = await lstat(path).catch(() => undefined);
  const wrong = there?.isFile() === false ? path : obstacleTo(path);
  return wrong === undefined ? 'see that it can be written to' : `move ${wrong} away`;
}

async function acquire(file: FileHandle, path: string, { timeoutMs }: LockOptions): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!tryLock(file.fd)) {
    if (performance.now() >= deadline) {
      const holder = (await lockHolder(path)) ?? 'another vifguard process may hold it';
      throw new LockTimeoutError(`cannot lock ${path} within ${(timeoutMs / 1000).toFixed(1)} s; ${holder}`);
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

/** Who holds the lock, as a clause, or undefined when nobody does. Takes nothing and makes nothing. */
export async function lockHolder(path: string): Promise<string | undefined> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return undefined;
  const pid = holderOf(await readFile('/proc/locks', 'utf8').catch(() => ''), file);
  if (pid === undefined) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return `process ${pid} holds it (${command.replaceAll('\0', ' ').trim()})`;
}

/** /proc/locks (proc(5)) has lines such as "1: FLOCK  ADVISORY  WRITE 708 08:01:2360 0 EOF". */
function holderOf(locks: string, { dev, ino }: Stats): string | undefined {
  const hex = (part: number) => part.toString(16).padStart(2, '0');
  // The kernel's MAJOR() and MINOR(), out of stat(2)'s encoding (new_encode_dev()).
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  return new RegExp(`: FLOCK .* (\\d+) ${hex(major)}:${hex(minor)}:${ino} `).exec(locks)?.[1];
}
