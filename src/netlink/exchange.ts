import { closeSync } from 'node:fs';
import { NLM_F_REQUEST } from './message.ts';
import { netlinkSocket } from './socket.ts';
import { systemCall } from './syscall.ts';

const MSG_DONTWAIT = 0x40;
/** `struct nlmsghdr`. */
export const HEADER_BYTES = 16;
/** More than one object takes. */
const ANSWER_BYTES = 1 << 16;

interface Request {
  /** NETLINK_ROUTE, NETLINK_NETFILTER. */
  readonly protocol: number;
  readonly type: number;
  /** What follows the header. */
  readonly payload: Buffer;
}

/**
 * Asks the kernel one thing, in the network namespace that we are in, and gives the datagram that it answers
 * with. It has answered by the time that it has taken the request, so nothing waits here.
 *
 * @throws Error when the kernel refuses.
 */
export function exchange({ protocol, type, payload }: Request): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST, 6);
  const request = Buffer.concat([header, payload]);
  const fd = netlinkSocket(protocol);
  try {
    systemCall('sendto', fd, request, request.length, 0, 0, 0);
    const answer = Buffer.alloc(ANSWER_BYTES);
    const length = systemCall('recvfrom', fd, answer, answer.length, MSG_DONTWAIT, 0, 0);
    return answer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
