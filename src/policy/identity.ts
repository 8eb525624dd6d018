import { eui64LinkLocal, type IpFamily, type IpPrefix } from '../address/ip.ts';
import type { MacAddress } from '../address/mac.ts';
import type { AddressSet, GuardPolicy } from './guard-policy.ts';

/** The guest's MACs: the vif's first. */
export function macsOf({ mac, extraMacs }: Pick<GuardPolicy, 'mac' | 'extraMacs'>): readonly MacAddress[] {
  return [mac, ...extraMacs];
}

export function addressesOf(policy: GuardPolicy, family: IpFamily): AddressSet {
  return family === 4 ? policy.ipv4 : policy.ipv6;
}

/** The addresses and blocks that are given to the guest; unlisted ones (`any`) are not. */
export function listedIn({ ipv4, ipv6 }: Pick<GuardPolicy, 'ipv4' | 'ipv6'>): readonly IpPrefix[] {
  return [ipv4, ipv6].flatMap((set) => (set === 'any' ? [] : set));
}

/** Whether the guest takes part in a family at all. */
export function hasFamily(policy: GuardPolicy, family: IpFamily): boolean {
  const addresses = addressesOf(policy, family);
  return addresses === 'any' || addresses.length > 0;
}

/** The link-local addresses that come with the guest's MACs, virtual ones too (RFC 4291 appendix A). */
export function derivedLinkLocals(policy: GuardPolicy): readonly IpPrefix[] {
  return hasFamily(policy, 6) && policy.linkLocal === 'eui64' ? macsOf(policy).map(eui64LinkLocal) : [];
}
