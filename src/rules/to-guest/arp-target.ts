import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { hasFamily } from '../../policy/identity.ts';
import { UNSPECIFIED_IPV4 } from '../protocols.ts';
import { accept, closed, open, type Stage } from '../rule.ts';

/**
 * ARP about the guest's addresses, announcements (a gateway's fail-over), and answers to probes,
 * whose target is 0.0.0.0 (RFC 5227 section 2.1.1).
 */
export function arpTarget(policy: GuardPolicy): Stage<'arp-target'> {
  if (!hasFamily(policy, 4)) return closed('arp-target', 'not-for-guest');
  if (policy.ipv4 === 'any') return open('arp-target');
  return {
    name: 'arp-target',
    rules: [
      accept({ arp: { gratuitous: true } }),
      accept({ arp: { operation: 'reply', target: UNSPECIFIED_IPV4 } }),
      ...policy.ipv4.map((target) => accept({ arp: { target } })),
    ],
    otherwise: { drop: 'not-for-guest' },
  };
}
