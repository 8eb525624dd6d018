import type { GuardPolicy } from '../policy/guard-policy.ts';
import { PROTOCOL } from './protocols.ts';
import { accept, closed, open, type Stage } from './rule.ts';

/**
 * What the guest may send to dom0's own stack, which includes what dom0 would route. Later IPv6 fragments pass:
 * without their first one, which is judged, nobody can reassemble them.
 */
export function dom0Access({ dom0 }: GuardPolicy): Stage<'dom0-access'> {
  if (dom0 === 'allow') return open('dom0-access');
  if (dom0 === 'none') return closed('dom0-access', 'dom0-access');
  return {
    name: 'dom0-access',
    rules: [
      accept({ etherType: 'arp' }),
      accept({ etherType: 'ipv4', protocol: PROTOCOL.icmp }),
      accept({ etherType: 'ipv6', protocol: PROTOCOL.icmpv6 }),
      accept({ etherType: 'ipv6', protocol: 'later-fragment' }),
    ],
    otherwise: { drop: 'dom0-access' },
  };
}

/** Whether frames from the port to dom0 are judged at all. */
export function restrictsDom0(policy: { readonly mode: string; readonly dom0: string }): boolean {
  return policy.mode === 'locked' && policy.dom0 !== 'allow';
}
