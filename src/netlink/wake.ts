import { formatMessage, NLM_F_ACK, NLMSG_NOOP } from './message.ts';
import { systemCall } from './syscall.ts';

/** Makes a netlink socket readable: the kernel acknowledges a message that asks for nothing. */
export function wake(fd: number): void {
  const noop = formatMessage({ type: NLMSG_NOOP, flags: NLM_F_ACK, payload: Buffer.alloc(0) });
  systemCall('sendto', fd, noop, noop.length, 0, 0, 0);
}
