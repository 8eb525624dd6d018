import { closeSync } from 'node:fs';
import { formatMessage, type NetlinkReply, type NetlinkRequest, parseMessages } from './message.ts';
import { capErrors, makeRoom, netlinkSocket, receive } from './socket.ts';
import { blockingSystemCall, systemCall } from './syscall.ts';

/** More than one object takes. */
const ANSWER_BYTES = 1 << 16;

/**
 * Asks the kernel by a socket of its own, in the network namespace that we are in; see `ask`.
 *
 * @param protocol NETLINK_ROUTE, NETLINK_NETFILTER.
 * @throws Error when the kernel takes nothing, or has lost answers; MalformedMessageError.
 */
export function exchange(protocol: number, requests: readonly NetlinkRequest[]): NetlinkReply[] {
  const fd = netlinkSocket(protocol);
  try {
    return ask(fd, requests);
  } finally {
    closeSync(fd);
  }
}

/**
 * The same for requests that the kernel takes only when others have had their turn, as it does changes of nf_tables:
 * a thread of the pool waits meanwhile.
 *
 * @throws Error when the kernel takes nothing, or has lost answers; MalformedMessageError.
 */
export async function exchangeInTurn(
  protocol: number,
  requests: readonly NetlinkRequest[],
): Promise<NetlinkReply[]> {
  const fd = netlinkSocket(protocol);
  try {
    const datagram = prepare(fd, requests);
    const sent = await blockingSystemCall('sendto', fd, datagram, datagram.length, 0, 0, 0);
    if (sent !== datagram.length) throw new Error(`the kernel took ${sent} of ${datagram.length} bytes`);
    return [...answers(fd)];
  } finally {
    closeSync(fd);
  }
}

/**
 * Hands the kernel requests in one datagram, and gives all that it answers. It has answered by the time that it has
 * taken them, so nothing waits here.
 *
 * @throws Error when the kernel takes nothing, or has lost answers; MalformedMessageError.
 */
export function ask(fd: number, requests: readonly NetlinkRequest[]): NetlinkReply[] {
  const datagram = prepare(fd, requests);
  systemCall('sendto', fd, datagram, datagram.length, 0, 0, 0);
  return [...answers(fd)];
}

/** The datagram to send, for which the socket is ready then. */
function prepare(fd: number, requests: readonly NetlinkRequest[]): Buffer {
  const datagram = Buffer.concat(requests.map(formatMessage));
  capErrors(fd);
  makeRoom(fd, datagram.length);
  return datagram;
}

function* answers(fd: number): Generator<NetlinkReply> {
  for (;;) {
    const datagram = receive(fd, Buffer.alloc(ANSWER_BYTES));
    if (datagram === undefined) return;
    yield* parseMessages(datagram);
  }
}
