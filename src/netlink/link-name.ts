import { closeSync } from 'node:fs';
import { NETLINK_ROUTE, netlinkSocket } from './socket.ts';
import { systemCall } from './syscall.ts';

/** netdevice(7); `struct ifreq` is a name of 16 octets, here with the index behind it. */
const SIOCGIFNAME = 0x8910;
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** The name of the link with that index in the network namespace that we are in; undefined when it is gone. */
export function linkNameOf(index: number): string | undefined {
  return linkNamesOf([index]).get(index);
}

/** The same of several, by index; without those that are gone. */
export function linkNamesOf(indexes: readonly number[]): ReadonlyMap<number, string> {
  const fd = netlinkSocket(NETLINK_ROUTE);
  try {
    return new Map(indexes.flatMap((index) => readName(fd, index)));
  } finally {
    closeSync(fd);
  }
}

function readName(fd: number, index: number): (readonly [number, string])[] {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.writeInt32LE(index, IFNAMSIZ);
  try {
    systemCall('ioctl', fd, SIOCGIFNAME, request);
  } catch {
    return [];
  }
  return [[index, request.toString('utf8', 0, request.indexOf(0))]];
}
