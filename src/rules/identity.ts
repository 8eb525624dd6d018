import { eui64LinkLocal, type IpFamily, type IpPrefix, isHost, parsePrefix } from '../address/ip.ts';
import type { MacAddress } from '../address/mac.ts';
import type { AddressSet, GuardPolicy } from '../policy/guard-policy.ts';
import { LINK_LOCAL_IPV6 } from './protocols.ts';

/** The guest's MACs: the vif's first. */
export function macsOf(policy: GuardPolicy): readonly MacAddress[] {
  return [policy.mac, ...policy.extraMacs];
}

export function addressesOf(policy: GuardPolicy, family: IpFamily): AddressSet {
  return family === 4 ? policy.ipv4 : policy.ipv6;
}

/** Whether the guest takes part in a family at all. */
export function hasFamily(policy: GuardPolicy, family: IpFamily): boolean {
  const addresses = addressesOf(policy, family);
  return addresses === 'any' || addresses.length > 0;
}

/** The link-local addresses that `linkLocal` grants on top of those listed. */
export function grantedLinkLocals(policy: GuardPolicy): readonly IpPrefix[] {
  if (!hasFamily(policy, 6) || policy.linkLocal === 'listed') return [];
  return policy.linkLocal === 'any' ? [LINK_LOCAL_IPV6] : macsOf(policy).map(eui64LinkLocal);
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
