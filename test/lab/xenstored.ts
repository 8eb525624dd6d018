import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { encodeMessage } from '../../src/xenstore/wire.ts';

const BUILD = fileURLToPath(new URL('../../build', import.meta.url));

/** Where Debian's Xen packages are unpacked; its hotplug scripts are in `etc/xen/scripts`. */
export const XEN_ROOT = join(BUILD, 'xen');

/** `sun_path` (unix(7)) less the closing NUL. */
const LONGEST_SOCKET_PATH = 107;

/** Pairs per xenstore-write: far below ARG_MAX (execve(2)) for the longest of values. */
const PAIRS_PER_WRITE = 200;

/** A real xenstored, and Debian's xenstore-utils to look into it: our own client is what is tested. */
export interface Xenstored {
  readonly socket: string;
  /** Where a driver domain that was introduced is heard, as on its own /dev/xen/xenbus. */
  readonly ring: string;
  /** What a program needs to find this xenstored, xenstore-utils and the Xen libraries. */
  readonly env: { readonly XENSTORED_PATH: string; readonly PATH: string; readonly LD_LIBRARY_PATH: string };
  /** Writes path to value; parents come into being. Relative paths are dom0's. */
  write(entries: Readonly<Record<string, string>>): Promise<void>;
  /** The value at `path`, undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** The names below `path`, none when it does not exist. */
  list(path: string): Promise<string[]>;
  rm(path: string): Promise<void>;
  /** Sets who may do what with a node: `n5`, `r1` (xenstore-chmod(1)). */
  chmod(path: string, ...permissions: readonly string[]): Promise<void>;
  /** Makes a domain known, as xl does once it has built it; one at most. */
  introduce(domid: number): Promise<void>;
  stop(): Promise<void>;
}

/** Unpacks Debian's Xen packages and builds the shim, unless both are there. */
export async function buildXen(): Promise<void> {
  await execa(fileURLToPath(new URL('build-xen.sh', import.meta.url)), [BUILD]);
}

/**
 * Starts Debian's xenstored without Xen (see xenstored-shim.c). Socket, pid file and run directory
 * are in `dir` and the database is in memory, so any number run side by side. It dies with us.
 */
export async function startXenstored(dir: string): Promise<Xenstored> {
  await buildXen();
  await mkdir(dir, { recursive: true });
  const socket = join(dir, 'xenstored');
  const ring = `${socket}-ring`;
  if (ring.length > LONGEST_SOCKET_PATH) throw new Error(`socket path too long: ${socket}`);
  const env = {
    XENSTORED_PATH: socket,
    PATH: `${join(XEN_ROOT, 'usr/bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: join(XEN_ROOT, 'lib'),
  };
  const stop = await startDaemon(dir, { ...env, XENSTORED_SHIM_RING: ring });
  const tool = (name: string, args: readonly string[]) => execa(`xenstore-${name}`, ['--', ...args], { env });
  const query = (name: string, args: readonly string[]) =>
    execa(`xenstore-${name}`, args, { env, reject: false, stripFinalNewline: false });
  return {
    socket,
    ring,
    env,
    async write(entries) {
      const pairs = Object.entries(entries);
      for (let at = 0; at < pairs.length; at += PAIRS_PER_WRITE) {
        await tool('write', pairs.slice(at, at + PAIRS_PER_WRITE).flatMap(escapeValue));
      }
    },
    async read(path) {
      const { exitCode, stdout } = await query('read', ['-R', path]);
      return exitCode === 0 ? stdout : undefined;
    },
    async list(path) {
      const { exitCode, stdout } = await query('list', [path]);
      return exitCode === 0 ? stdout.split('\n').filter((name) => name !== '') : [];
    },
    async rm(path) {
      await tool('rm', [path]);
    },
    async chmod(path, ...permissions) {
      await tool('chmod', [path, ...permissions]);
    },
    async introduce(domid) {
      await introduce(socket, domid);
    },
    stop,
  };
}

/** XS_INTRODUCE, which no tool sends: the domain, and the frame and event channel of its ring. */
async function introduce(path: string, domid: number): Promise<void> {
  const XS_INTRODUCE = 8;
  const payload = Buffer.from([domid, 1, 1, ''].join('\0'));
  const socket = connect(path);
  socket.write(encodeMessage({ type: XS_INTRODUCE, requestId: 0, transactionId: 0, payload }));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  if (answer.readUInt32LE(0) !== XS_INTRODUCE)
    throw new Error(`domain ${domid} cannot be introduced: ${answer}`);
}

/** xenstore-write reads C escapes in values. */
function escapeValue([path, value]: [string, string]): [string, string] {
  return [path, value.replaceAll('\\', '\\\\')];
}

async function startDaemon(
  dir: string,
  env: Xenstored['env'] & { readonly XENSTORED_SHIM_RING: string },
): Promise<() => Promise<void>> {
  const daemon = join(XEN_ROOT, 'usr/lib/xen-4.17/bin/xenstored');
  const child = execa(
    'setpriv',
    ['--pdeathsig', 'KILL', daemon, '--no-fork', '--pid-file', join(dir, 'xenstored.pid')],
    {
      env: { ...env, XENSTORED_RUNDIR: dir, LD_PRELOAD: join(XEN_ROOT, 'xenstored-shim.so') },
      reject: false,
    },
  );
  while (!(await accepts(env.XENSTORED_PATH))) {
    if (child.exitCode !== null) throw new Error(`xenstored did not start: ${(await child).stderr}`);
    await sleep(5);
  }
  return async () => {
    child.kill('SIGTERM');
    await child;
  };
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
