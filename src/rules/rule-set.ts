import type { GuardPolicy } from '../policy/guard-policy.ts';
import { framingFromGuest, framingToGuest } from './framing.ts';
import { arpSender } from './from-guest/arp-sender.ts';
import { identity } from './from-guest/identity.ts';
import { linkLocalFragments, ndMessage, ndTarget } from './from-guest/neighbor-discovery.ts';
import { networkRolesIpv4, networkRolesIpv6 } from './from-guest/network-roles.ts';
import { sourceValidation } from './from-guest/source-validation.ts';
import { unspecifiedIpv4, unspecifiedIpv6 } from './from-guest/unspecified-source.ts';
import { upperLayer } from './from-guest/upper-layer.ts';
import type { RuleSet } from './rule.ts';
import { shortCuts } from './short-cuts.ts';
import { dom0Access } from './to-dom0.ts';
import { arpTarget } from './to-guest/arp-target.ts';
import { destinationIpv4, destinationIpv6 } from './to-guest/destination.ts';
import { delivery, isolation } from './to-guest/link.ts';
import { speakersIpv4, speakersIpv6 } from './to-guest/speakers.ts';

/** The rules of a locked port: its stages, in the order in which they judge a frame. */
export function ruleSet(policy: GuardPolicy): RuleSet {
  const roles = { ipv4: networkRolesIpv4(policy), ipv6: networkRolesIpv6(policy) };
  return {
    fromGuest: {
      link: [framingFromGuest, identity(policy)],
      arp: [arpSender(policy)],
      ipv4: [unspecifiedIpv4(policy), sourceValidation(policy, 4), roles.ipv4],
      ipv6: [
        sourceValidation(policy, 6),
        unspecifiedIpv6,
        roles.ipv6,
        linkLocalFragments,
        ndMessage(policy),
        ndTarget(policy),
        upperLayer,
      ],
    },
    toGuest: {
      link: [framingToGuest, delivery(policy), isolation(policy)],
      arp: [arpTarget(policy)],
      ipv4: [speakersIpv4, destinationIpv4(policy)],
      ipv6: [speakersIpv6, destinationIpv6(policy)],
    },
    shortCuts: shortCuts(policy, roles),
    toDom0: dom0Access(policy),
    provenance: { peer: policy.roles.length === 0, isolated: policy.peers === 'isolated' },
  };
}
