import { exchange } from './exchange.ts';
import { isLinkName, linkQuery, parseLink } from './link.ts';
import { RTM_GETLINK, RTM_NEWLINK } from './rtm.ts';
import { NETLINK_ROUTE } from './socket.ts';

/**
 * The index of the link of that name in the network namespace that we are in; undefined when there is none.
 * Not by SIOCGIFINDEX, which would load a kernel module that is called so (dev_load() in net/core/dev_ioctl.c).
 *
 * @throws Error when the kernel refuses; MalformedMessageError.
 */
export function linkIndexOf(name: string): number | undefined {
  if (!isLinkName(name)) return undefined;
  const answer = exchange(NETLINK_ROUTE, [{ type: RTM_GETLINK, flags: 0, payload: linkQuery(name) }]);
  const link = answer.find(({ type }) => type === RTM_NEWLINK);
  return link && parseLink(link.payload).index;
}
