import { systemCall } from './syscall.ts';

// netlink(7), socket(2), socket(7)
export const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** What a socket can send anywhere; hosts differ in what it can send besides (net.core.wmem_default). */
const COMMON_BYTES = 4096;

/**
 * A socket of a netlink protocol, in the network namespace that we are in; the caller closes it.
 *
 * @throws Error when the kernel refuses.
 */
export function netlinkSocket(protocol: number): number {
  return systemCall('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
}

/**
 * The next datagram, as a view of the buffer; undefined when none is there.
 *
 * @throws Error when some were lost ("No buffer space available").
 */
export function receive(fd: number, buffer: Buffer): Buffer | undefined {
  try {
    return buffer.subarray(0, systemCall('recvfrom', fd, buffer, buffer.length, MSG_DONTWAIT, 0, 0));
  } catch (error) {
    // strerror(3)'s text for EAGAIN.
    if ((error as Error).message === 'Resource temporarily unavailable') return undefined;
    throw error;
  }
}

/** Has errors not repeat the request that they are about. @throws Error when the kernel refuses. */
export function capErrors(fd: number): void {
  setOption(fd, { level: SOL_NETLINK, name: NETLINK_CAP_ACK, value: 1 });
}

/** Lets it send a datagram of so many bytes at once. @throws Error when the kernel refuses. */
export function makeRoom(fd: number, bytes: number): void {
  if (bytes > COMMON_BYTES) setOption(fd, { level: SOL_SOCKET, name: SO_SNDBUFFORCE, value: bytes });
}

/** So many bytes of what it receives the kernel keeps for us. @throws Error when the kernel refuses. */
export function keepReceived(fd: number, bytes: number): void {
  setOption(fd, { level: SOL_SOCKET, name: SO_RCVBUFFORCE, value: bytes });
}

interface Option {
  readonly level: number;
  readonly name: number;
  readonly value: number;
}

/** @throws Error when the kernel refuses. */
export function setOption(fd: number, { level, name, value }: Option): void {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  systemCall('setsockopt', fd, level, name, buffer, buffer.length);
}
