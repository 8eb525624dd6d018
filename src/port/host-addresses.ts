import { readFileSync } from 'node:fs';
import type { IpPrefix } from '../address/ip.ts';
import { parseIfInet6 } from '../netlink/ip-address.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { ifThere } from './port-files.ts';

/**
 * The addresses of this host, in the network namespace that we are in, that a guest of a bridge may not have. One of
 * another segment counts, as Linux answers for each of its addresses everywhere; but a link-local one means
 * something on its own link only. Those of IPv6 are from /proc: dom0 has a link-local one on each guest's port, and
 * a message of netlink for each would cost more than the rest of an event.
 *
 * @param bridge its index
 * @throws NetlinkError
 */
export async function hostAddresses(rtnetlink: Rtnetlink, bridge: number): Promise<IpPrefix[]> {
  const ipv6 = ifThere(() => readFileSync('/proc/net/if_inet6', 'utf8'));
  return [...(await rtnetlink.ipv4Addresses()), ...(ipv6 === undefined ? [] : parseIfInet6(ipv6, bridge))];
}
