import type { GuardPolicy } from './guard-policy.ts';
import { policyToXenstore } from './serialize.ts';

/** What changed from one policy to another: `ipv4 is 192.0.2.42 (was 192.0.2.41)`. */
export function policyDifferences(before: GuardPolicy, after: GuardPolicy): string[] {
  const had = policyToXenstore(before);
  return Object.entries(policyToXenstore(after))
    .filter(([field, value]) => value !== had[field])
    .map(([field, value]) => `${field} is ${value || 'none'} (was ${had[field] || 'none'})`);
}
