import { parsePrefix } from '../../address/ip.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { hasFamily } from '../../policy/identity.ts';
import { grantedLinkLocals, solicitedNodeGroups } from '../identity.ts';
import { MULTICAST_IPV4, MULTICAST_IPV6 } from '../protocols.ts';
import { accept, closed, drop, open, type Stage } from '../rule.ts';

const BROADCAST = { address: 'ff:ff:ff:ff:ff:ff', mask: 'ff:ff:ff:ff:ff:ff' };
const SOLICITED_NODES = parsePrefix('ff02::1:ff00:0/104');

/** IPv4 for the guest's addresses, multicast, and what comes as an Ethernet broadcast. */
export function destinationIpv4(policy: GuardPolicy): Stage<'destination'> {
  if (!hasFamily(policy, 4)) return closed('destination', 'not-for-guest');
  if (policy.ipv4 === 'any') return open('destination');
  return {
    name: 'destination',
    rules: [
      ...[...policy.ipv4, MULTICAST_IPV4].map((destination) => accept({ destination })),
      accept({ etherDestination: BROADCAST }),
    ],
    otherwise: { drop: 'not-for-guest' },
  };
}

/** IPv6 for the guest's addresses and multicast, of the solicited-node groups its own only. */
export function destinationIpv6(policy: GuardPolicy): Stage<'destination'> {
  if (!hasFamily(policy, 6)) return closed('destination', 'not-for-guest');
  if (policy.ipv6 === 'any') return open('destination');
  const own = [...grantedLinkLocals(policy), ...policy.ipv6];
  return {
    name: 'destination',
    rules: [
      ...[...own, ...own.map(solicitedNodeGroups)].map((destination) => accept({ destination })),
      drop('not-for-guest', { destination: SOLICITED_NODES }),
      accept({ destination: MULTICAST_IPV6 }),
    ],
    otherwise: { drop: 'not-for-guest' },
  };
}
