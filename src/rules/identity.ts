import { type IpPrefix, isHost, parsePrefix } from '../address/ip.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { derivedLinkLocals, hasFamily } from '../policy/identity.ts';
import { LINK_LOCAL_IPV6 } from './protocols.ts';

/** The link-local addresses that `linkLocal` grants on top of those listed. */
export function grantedLinkLocals(policy: GuardPolicy): readonly IpPrefix[] {
  return hasFamily(policy, 6) && policy.linkLocal === 'any' ? [LINK_LOCAL_IPV6] : derivedLinkLocals(policy);
}

/**
 * The solicited-node groups of an address (RFC 4291 section 2.7.1); of a prefix, the block that
 * holds those of all its addresses.
 */
export function solicitedNodeGroups(prefix: IpPrefix): IpPrefix {
  const { bits } = parsePrefix('ff02::1:ff00:0');
  return isHost(prefix) || prefix.length > 104
    ? { family: 6, bits: bits | (prefix.bits & 0xffffffn), length: prefix.length }
    : { family: 6, bits, length: 104 };
}
