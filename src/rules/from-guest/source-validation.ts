import type { IpFamily, IpPrefix } from '../../address/ip.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { addressesOf, hasFamily } from '../../policy/identity.ts';
import { grantedLinkLocals } from '../identity.ts';
import { LINK_LOCAL_IPV6, NEVER_A_SOURCE, UNSPECIFIED_IPV6 } from '../protocols.ts';
import { drop, pass, type Rule, type Stage } from '../rule.ts';

/** The source address is the guest's (RFC 2827; RFC 7039 for the whole idea). */
export function sourceValidation(policy: GuardPolicy, family: IpFamily): Stage<'source-validation'> {
  const name = 'source-validation';
  const reason = family === 4 ? 'ipv4-spoof' : 'ipv6-spoof';
  const addresses = addressesOf(policy, family);
  // The unspecified source of IPv6 is the next stage's, for guests that take part in IPv6.
  const unspecified = family === 6 ? [UNSPECIFIED_IPV6] : [];
  if (!hasFamily(policy, family)) {
    const rules = unspecified.map((source) => drop('unspecified-source', { source }));
    return { name, rules, otherwise: { drop: reason } };
  }
  const own = [...unspecified, ...(family === 6 ? grantedLinkLocals(policy) : [])];
  if (addresses !== 'any') {
    return { name, rules: [...own, ...addresses].map(from), otherwise: { drop: reason } };
  }
  const never = [...NEVER_A_SOURCE, LINK_LOCAL_IPV6].filter((prefix) => prefix.family === family);
  return {
    name,
    rules: [...own.map(from), ...never.map((source) => drop(reason, { source }))],
    otherwise: 'pass',
  };
}

function from(source: IpPrefix): Rule {
  return pass({ source });
}
