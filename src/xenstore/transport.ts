import { once } from 'node:events';
import { constants, type Stats, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../errors.ts';
import { XenstoreError } from './error.ts';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from './wire.ts';

/** A way to xenstored. After `onLost` or `close` nothing more happens on it. */
export interface Transport {
  /** Longest payload it carries, in bytes. */
  readonly maxPayload: number;
  /** How many requests may wait for their answers at a time. */
  readonly maxInFlight: number;
  /** Sends one whole message. */
  send(message: Buffer): void;
  close(): void;
}

export interface TransportEvents {
  onData(bytes: Uint8Array): void;
  /** The connection is gone; at most once, and not after `close`. */
  onLost(cause: Error): void;
}

/** libxenstore's order (tools/libs/store/xs.c): xenstored's own socket, else the kernel's way to it. */
const DEFAULT_PATHS = ['/run/xenstored/socket', '/var/run/xenstored/socket', '/dev/xen/xenbus'] as const;

/**
 * Opens `path`, the one `XENSTORED_PATH` names, or the first of the usual ones that answers. A path
 * is a unix socket or, in a driver domain, a character device.
 *
 * @throws XenstoreError (operation `connect`) when none can be opened.
 */
export async function openTransport(path: string | undefined, events: TransportEvents): Promise<Transport> {
  const named = path ?? (process.env.XENSTORED_PATH || undefined);
  const paths = named === undefined ? DEFAULT_PATHS : [named];
  const failures: string[] = [];
  for (const candidate of paths) {
    try {
      return await openPath(candidate, statSync(candidate), events);
    } catch (error) {
      failures.push(describeError(error));
    }
  }
  throw new XenstoreError({
    operation: 'connect',
    ...(named === undefined ? {} : { path: named }),
    code: 'ECONNREFUSED',
    detail: `no way to xenstored: ${failures.join('; ')}; is xenstored running, and XENSTORED_PATH right?`,
  });
}

async function openPath(path: string, stats: Stats, events: TransportEvents): Promise<Transport> {
  if (stats.isSocket()) return await openSocket(path, events);
  if (stats.isCharacterDevice()) return await openDevice(path, events);
  throw new Error(`${path} is neither a socket nor a character device`);
}

async function openSocket(path: string, events: TransportEvents): Promise<Transport> {
  const socket = await connectSocket(path);
  let live = true;
  const lost = (cause: Error) => {
    if (live) events.onLost(cause);
    live = false;
  };
  socket.removeAllListeners('error');
  socket.on('error', lost);
  socket.on('data', (bytes) => events.onData(bytes));
  socket.on('close', () => lost(new Error('closed by xenstored')));
  return {
    maxPayload: MAX_PAYLOAD_BYTES,
    maxInFlight: Number.POSITIVE_INFINITY,
    send: batch(socket),
    close: () => {
      live = false;
      socket.destroy();
    },
  };
}

/** How long to wait for a place in xenstored's queue, and between two tries, in milliseconds. */
const QUEUE_TIMEOUT_MS = 10_000;
const QUEUE_PAUSE_MS = 5;

/**
 * xenstored lets one connection wait to be accepted (listen() in tools/xenstore/xenstored_core.c). A
 * socket that does not block, as Node.js makes them, gets EAGAIN where others would wait (unix(7)).
 */
async function connectSocket(path: string): Promise<Socket> {
  const deadline = performance.now() + QUEUE_TIMEOUT_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (!isAgain(error) || performance.now() > deadline) throw error;
    }
    await sleep(QUEUE_PAUSE_MS * (0.5 + Math.random()));
  }
}

/** Sends what comes in one turn of the event loop in one system call. */
function batch(socket: Socket): (message: Buffer) => void {
  let waiting: Buffer[] = [];
  const flush = () => {
    socket.write(Buffer.concat(waiting));
    waiting = [];
  };
  return (message) => {
    if (waiting.push(message) === 1) process.nextTick(flush);
  };
}

/**
 * Linux's xenbus device (drivers/xen/xenbus/xenbus_dev_frontend.c) takes one message per write, of
 * 4096 bytes with its header. It sends the message later, out of the one buffer that each opened file has:
 * a second one written before the answer would overwrite it. And Node.js cannot wait for a device to become
 * readable: a blocking read would hold a thread that nothing can wake. So the device is polled.
 */
async function openDevice(path: string, events: TransportEvents): Promise<Transport> {
  const device = await open(path, constants.O_RDWR | constants.O_NONBLOCK);
  const poller = new DevicePoller(device, events);
  let written: Promise<unknown> = Promise.resolve();
  return {
    maxPayload: MAX_PAYLOAD_BYTES - HEADER_BYTES,
    maxInFlight: 1,
    send: (message) => {
      written = written.then(() => device.write(message)).catch((error: Error) => poller.fail(error));
      poller.hurry();
    },
    close: () => poller.stop(),
  };
}

/** Milliseconds between two polls: while an answer is pending, and at rest. */
const FASTEST_POLL = 1;
const SLOWEST_POLL = 50;

class DevicePoller {
  readonly #device: FileHandle;
  readonly #events: TransportEvents;
  readonly #buffer = Buffer.alloc(HEADER_BYTES + MAX_PAYLOAD_BYTES);
  #interval = FASTEST_POLL;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #live = true;

  constructor(device: FileHandle, events: TransportEvents) {
    this.#device = device;
    this.#events = events;
    this.#schedule();
  }

  hurry(): void {
    this.#interval = FASTEST_POLL;
    if (!this.#reading) this.#schedule();
  }

  stop(): void {
    if (!this.#live) return;
    this.#live = false;
    clearTimeout(this.#timer);
    this.#device.close().catch(() => {});
  }

  fail(cause: Error): void {
    if (!this.#live) return;
    this.stop();
    this.#events.onLost(cause);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#poll(), this.#interval);
  }

  async #poll(): Promise<void> {
    this.#reading = true;
    try {
      const { bytesRead } = await this.#device.read(this.#buffer, 0, this.#buffer.length, null);
      if (!this.#live) return;
      if (bytesRead === 0) throw new Error('end of file on the xenbus device');
      this.#interval = FASTEST_POLL;
      this.#events.onData(this.#buffer.subarray(0, bytesRead));
    } catch (error) {
      if (!isAgain(error)) return this.fail(error as Error);
      this.#interval = Math.min(this.#interval * 2, SLOWEST_POLL);
    } finally {
      this.#reading = false;
    }
    if (this.#live) this.#schedule();
  }
}

function isAgain(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
