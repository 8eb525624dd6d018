import { readdirSync } from 'node:fs';
import netlink, { type Message, type NetlinkSocket } from 'node-netlink';
import { VifguardError } from '../errors.ts';
import { type NetlinkReply, type NetlinkRequest, NLM_F_ACK, NLM_F_REQUEST } from './message.ts';
import { AF_NETLINK, capErrors, NETLINK_ROUTE, SOL_NETLINK, setOption } from './socket.ts';
import { systemCall } from './syscall.ts';
import { DeadlineError, type NetlinkTransport } from './transport.ts';
import { wake } from './wake.ts';

const NETLINK_EXT_ACK = 11;
const FIOCLEX = 0x5451;

/**
 * A NETLINK_ROUTE socket of node-netlink: the only module that knows that package.
 *
 * node-netlink keeps the file descriptor and the closing message of an answer to itself, and needs
 * up to 100 ms to close. So this finds the descriptor by its port id, collects every message by its
 * sequence number, and wakes the poll with a message when it closes. A signal handler that happens to
 * run on the polling thread ends its reading for good; requests then fail in time, as ETIMEDOUT.
 */
export async function openNodeNetlink(): Promise<NetlinkTransport> {
  const socket = await netlink.open({ family: NETLINK_ROUTE });
  try {
    const fd = findDescriptor(Number(socket.nl_pid));
    prepare(fd);
    return new NodeNetlinkTransport(socket, fd);
  } catch (error) {
    await socket.close();
    throw error;
  }
}

class NodeNetlinkTransport implements NetlinkTransport {
  readonly #socket: NetlinkSocket;
  readonly #fd: number;
  /** tryTalk() numbers its requests from 1, in the order of the calls. */
  #sequence = 0n;
  /** The answer to the request of that number, as far as it is there. */
  #answer: NetlinkReply[] = [];
  /** The last request made: tryTalk() loses track of all others when one of several ends. */
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(socket: NetlinkSocket, fd: number) {
    this.#socket = socket;
    this.#fd = fd;
    socket.on('message', (message) => this.#collect(message));
  }

  #collect({ header, payload }: Message): void {
    if (header.nlmsg_seq !== this.#sequence) return;
    this.#answer.push({ type: Number(header.nlmsg_type), flags: Number(header.nlmsg_flags), payload });
  }

  request(request: NetlinkRequest, timeoutMs: number): Promise<NetlinkReply[]> {
    if (this.#closed !== undefined) return Promise.reject(new VifguardError('the netlink socket is closed'));
    const answer = this.#last.then(() => this.#talk(request, timeoutMs));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #talk({ type, flags, payload }: NetlinkRequest, timeout: number): Promise<NetlinkReply[]> {
    const header = {
      nlmsg_type: BigInt(type),
      nlmsg_flags: BigInt(flags | NLM_F_REQUEST | NLM_F_ACK),
    };
    this.#sequence += 1n;
    this.#answer = [];
    try {
      await this.#socket.tryTalk({ header, payload }, { timeout });
      return this.#answer;
    } catch (cause) {
      if (!(cause instanceof Error) || cause.message !== 'timeout reached') throw cause;
      throw new DeadlineError(`no answer within ${timeout} ms`, { cause });
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#last.then(async () => {
      const closed = this.#socket.close();
      wake(this.#fd);
      await closed;
    });
    return this.#closed;
  }
}

/** The descriptor of the netlink socket bound to `portId` (netlink(7)). */
function findDescriptor(portId: number): number {
  const fd = readdirSync('/proc/self/fd')
    .map(Number)
    .find((candidate) => netlinkPortId(candidate) === portId);
  if (fd === undefined) {
    throw new VifguardError(`the netlink socket is not among /proc/self/fd; is /proc mounted?`);
  }
  return fd;
}

function netlinkPortId(fd: number): number | undefined {
  const address = Buffer.alloc(12);
  const length = Buffer.of(address.length, 0, 0, 0);
  try {
    systemCall('getsockname', fd, address, length);
  } catch {
    return undefined; // not a socket
  }
  return address.readUInt16LE(0) === AF_NETLINK ? address.readUInt32LE(4) : undefined;
}

/** Has the kernel explain its errors, and keeps the socket from the programs we run. */
function prepare(fd: number): void {
  setOption(fd, { level: SOL_NETLINK, name: NETLINK_EXT_ACK, value: 1 });
  capErrors(fd);
  systemCall('ioctl', fd, FIOCLEX);
}
