import type { IpFamily, IpPrefix } from '../../address/ip.ts';
import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { addressesOf, grantedLinkLocals } from '../identity.ts';
import { LINK_LOCAL_IPV6, NEVER_A_SOURCE, UNSPECIFIED_IPV6 } from '../protocols.ts';
import { drop, pass, type Rule, type Stage } from '../rule.ts';

/** The source address is the guest's (RFC 2827; RFC 7039 for the whole idea). */
export function sourceValidation(policy: GuardPolicy, family: IpFamily): Stage<'source-validation'> {
  const reason = family === 4 ? 'ipv4-spoof' : 'ipv6-spoof';
  const addresses = addressesOf(policy, family);
  const own = [...(family === 6 ? [UNSPECIFIED_IPV6, ...grantedLinkLocals(policy)] : [])];
  const never = [...NEVER_A_SOURCE, LINK_LOCAL_IPV6].filter((prefix) => prefix.family === family);
  return {
    name: 'source-validation',
    rules:
      addresses === 'any'
        ? [...own.map(from), ...never.map((source) => drop(reason, { source }))]
        : [...own, ...addresses].map(from),
    otherwise: addresses === 'any' ? 'pass' : { drop: reason },
  };
}

function from(source: IpPrefix): Rule {
  return pass({ source });
}
