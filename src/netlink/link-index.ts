import { closeSync } from 'node:fs';
import { isLinkName, linkQuery, parseLink } from './link.ts';
import { NLM_F_REQUEST, parseMessages } from './message.ts';
import { NETLINK_ROUTE, netlinkSocket } from './socket.ts';
import { systemCall } from './syscall.ts';

const MSG_DONTWAIT = 0x40;
const HEADER_BYTES = 16;
/** More than one link takes. */
const ANSWER_BYTES = 1 << 16;

// include/uapi/linux/rtnetlink.h
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;

/**
 * The index of the link of that name in the network namespace that we are in; undefined when there is none.
 * Not by SIOCGIFINDEX, which would load a kernel module that is called so (dev_load() in net/core/dev_ioctl.c).
 * The kernel has answered by the time that it has taken the request, so nothing waits here.
 *
 * @throws Error when the kernel refuses; MalformedMessageError.
 */
export function linkIndexOf(name: string): number | undefined {
  if (!isLinkName(name)) return undefined;
  const payload = linkQuery(name);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  header.writeUInt16LE(RTM_GETLINK, 4);
  header.writeUInt16LE(NLM_F_REQUEST, 6);
  const request = Buffer.concat([header, payload]);
  const fd = netlinkSocket(NETLINK_ROUTE);
  try {
    systemCall('sendto', fd, request, request.length, 0, 0, 0);
    const answer = Buffer.alloc(ANSWER_BYTES);
    const length = systemCall('recvfrom', fd, answer, answer.length, MSG_DONTWAIT, 0, 0);
    const link = parseMessages(answer.subarray(0, length)).find(({ type }) => type === RTM_NEWLINK);
    return link && parseLink(link.payload).index;
  } finally {
    closeSync(fd);
  }
}
