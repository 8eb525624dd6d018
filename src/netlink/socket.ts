import { systemCall } from './syscall.ts';

// netlink(7), socket(2)
export const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;

/**
 * A socket of a netlink protocol, in the network namespace that we are in; the caller closes it.
 *
 * @param flags SOCK_NONBLOCK, or none.
 * @throws Error when the kernel refuses.
 */
export function netlinkSocket(protocol: number, flags = 0): number {
  return systemCall('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
}
