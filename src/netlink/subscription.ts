import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoName, NetlinkError } from './error.ts';
import { ask } from './exchange.ts';
import { type NetlinkReply, type NetlinkRequest, NLMSG_ERROR, parseMessages, readAnswer } from './message.ts';
import { AF_NETLINK, keepReceived, netlinkSocket, receive, SOL_NETLINK, setOption } from './socket.ts';
import { blockingSystemCall, systemCall } from './syscall.ts';
import { wake } from './wake.ts';

/** A netlink protocol and those of its multicast groups to hear, by number. */
export interface Groups {
  readonly protocol: number;
  readonly groups: readonly number[];
  /** A request to send before the first notification, for protocols that need one. */
  readonly request?: NetlinkRequest;
}

export interface SubscriptionEvents {
  onMessages(protocol: number, messages: readonly NetlinkReply[]): void;
  /** Notifications were lost, as there were more than the kernel keeps for us. */
  onOverrun(protocol: number): void;
}

const NETLINK_ADD_MEMBERSHIP = 1;
const POLLIN = 1;
const POLLFD_BYTES = 8;
const LARGEST_DATAGRAM = 1 << 16;
/** What the kernel keeps for us; a flush of the rules of hundreds of guests fits. */
const BUFFER_BYTES = 4 << 20;
/**
 * A guest can make the kernel notify as fast as it sends. So at most so many notifications of a socket are read at
 * a time, and then comes a pause, of so many milliseconds or so many times as long as the reading took.
 */
const AT_A_TIME = 128;
const PAUSE_MS = 10;
const PAUSE = 4;

/**
 * Receives the kernel's notifications, in the network namespace that we are in. Waits in ppoll(2), without a
 * timeout, on a thread of the pool. Not over node-netlink, whose sockets wake up ten times a second, warn about
 * every message that answers no request, and receive nothing more once the kernel has reported an overrun.
 */
export class Subscription {
  readonly #sockets: readonly { readonly protocol: number; readonly fd: number }[];
  readonly #events: SubscriptionEvents;
  readonly #buffer = Buffer.alloc(LARGEST_DATAGRAM);
  readonly #ended: Promise<void>;
  #closing = false;

  /** @throws NetlinkError */
  constructor(subscribed: readonly Groups[], events: SubscriptionEvents) {
    this.#events = events;
    this.#sockets = subscribed.map((groups) => ({ protocol: groups.protocol, fd: open(groups) }));
    this.#ended = this.#listen();
  }

  /** Once it is closed, nothing is called any more. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { fd } of this.#sockets.slice(0, 1)) wake(fd);
    await this.#ended;
  }

  async #listen(): Promise<void> {
    const polled = pollfds(this.#sockets.map(({ fd }) => fd));
    while (!this.#closing) {
      // A signal ends the wait, too.
      await blockingSystemCall('ppoll', polled, this.#sockets.length, 0, 0, 0).catch(() => undefined);
      const start = performance.now();
      for (const socket of this.#sockets) this.#receive(socket);
      if (!this.#closing) await sleep(Math.max(PAUSE_MS, PAUSE * (performance.now() - start)));
    }
    for (const { fd } of this.#sockets) closeSync(fd);
  }

  #receive({ protocol, fd }: { protocol: number; fd: number }): void {
    for (let count = 0; count < AT_A_TIME; count++) {
      try {
        const datagram = receive(fd, this.#buffer);
        if (datagram === undefined || this.#closing) return;
        this.#events.onMessages(protocol, parseMessages(Buffer.from(datagram)));
      } catch (error) {
        // strerror(3)'s text for ENOBUFS.
        if ((error as Error).message !== 'No buffer space available') throw error;
        this.#events.onOverrun(protocol);
      }
    }
  }
}

const OPERATION = 'hear notifications of the kernel';

function open({ protocol, groups, request }: Groups): number {
  try {
    const fd = netlinkSocket(protocol);
    try {
      subscribe(fd, groups);
      if (request !== undefined) demand(fd, request);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  } catch (cause) {
    if (cause instanceof NetlinkError) throw cause;
    throw new NetlinkError({ operation: OPERATION, errno: 'EIO' }, { cause });
  }
}

function subscribe(fd: number, groups: readonly number[]): void {
  keepReceived(fd, BUFFER_BYTES);
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  systemCall('bind', fd, address, address.length);
  for (const value of groups) setOption(fd, { level: SOL_NETLINK, name: NETLINK_ADD_MEMBERSHIP, value });
}

/** The first notifications may come with the answer. */
function demand(fd: number, request: NetlinkRequest): void {
  const { errno } = readAnswer(ask(fd, [request]).filter(({ type }) => type === NLMSG_ERROR));
  if (errno !== 0) throw new NetlinkError({ operation: OPERATION, errno: errnoName(errno) });
}

function pollfds(fds: readonly number[]): Buffer {
  const polled = Buffer.alloc(POLLFD_BYTES * fds.length);
  for (const [index, fd] of fds.entries()) {
    polled.writeInt32LE(fd, POLLFD_BYTES * index);
    polled.writeInt16LE(POLLIN, POLLFD_BYTES * index + 4);
  }
  return polled;
}
