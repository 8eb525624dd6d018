import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP } from './message.ts';
import { systemCall } from './syscall.ts';

/** Makes a netlink socket readable: the kernel acknowledges a message that asks for nothing. */
export function wake(fd: number): void {
  const noop = Buffer.alloc(16);
  noop.writeUInt32LE(noop.length, 0);
  noop.writeUInt16LE(NLMSG_NOOP, 4);
  noop.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6);
  systemCall('sendto', fd, noop, noop.length, 0, 0, 0);
}
