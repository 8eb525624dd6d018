import type { IpPrefix } from '../../address/ip.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { hasFamily, macsOf } from '../../policy/identity.ts';
import { NEVER_A_SOURCE, UNSPECIFIED_IPV4 } from '../protocols.ts';
import { accept, closed, drop, type Match, type Rule, type Stage } from '../rule.ts';

/**
 * ARP (RFC 826): requests and replies whose sender MAC is the frame's own and whose sender address
 * is the guest's; requests too, as they fill caches. Sender 0.0.0.0 is a probe (RFC 5227 section
 * 2.1.1) and may ask for the guest's own addresses only: a probe for another's makes that host give
 * up its address.
 */
export function arpSender(policy: GuardPolicy): Stage<'arp-sender'> {
  if (!hasFamily(policy, 4)) return closed('arp-sender', 'arp-spoof');
  return {
    name: 'arp-sender',
    rules: [
      ...macsOf(policy).flatMap((mac) => [...probes(policy, mac), ...announcements(policy, mac)]),
      drop('arp-spoof', { arp: { operation: 'request' } }),
      drop('arp-spoof', { arp: { operation: 'reply' } }),
    ],
    otherwise: { drop: 'arp-malformed' },
  };
}

type Mac = GuardPolicy['mac'];

function probes({ ipv4 }: GuardPolicy, mac: Mac): readonly Rule[] {
  const probe = (target: Pick<NonNullable<Match['arp']>, 'target'>): Match => ({
    etherSource: mac,
    arp: { operation: 'request', senderMac: mac, sender: UNSPECIFIED_IPV4, ...target },
  });
  return ipv4 === 'any' ? [accept(probe({}))] : ipv4.map((target) => accept(probe({ target })));
}

function announcements({ ipv4 }: GuardPolicy, mac: Mac): readonly Rule[] {
  if (ipv4 !== 'any') return ipv4.flatMap((sender) => accepted(mac, { sender }));
  const never = [...NEVER_A_SOURCE, UNSPECIFIED_IPV4].filter(({ family }) => family === 4);
  return [...never.map((sender) => drop('arp-spoof', { arp: { sender } })), ...accepted(mac, {})];
}

function accepted(mac: Mac, sender: { sender?: IpPrefix }): readonly Rule[] {
  return (['request', 'reply'] as const).map((operation) =>
    accept({ etherSource: mac, arp: { operation, senderMac: mac, ...sender } }),
  );
}
