import type { GuardPolicy } from '../policy/guard-policy.ts';
import type { Provenance, RuleSet } from './rule.ts';
import { ruleSet } from './rule-set.ts';

/** What a backend installs for one port, by the policy's mode. */
export type Guard =
  | { readonly mode: 'locked'; readonly rules: RuleSet }
  | { readonly mode: 'unlocked'; readonly provenance: Provenance }
  | { readonly mode: 'disabled' };

export function guardOf(policy: GuardPolicy): Guard {
  switch (policy.mode) {
    case 'locked':
      return { mode: 'locked', rules: ruleSet(policy) };
    case 'unlocked':
      return { mode: 'unlocked', provenance: { peer: policy.roles.length === 0, isolated: false } };
    case 'disabled':
      return { mode: 'disabled' };
  }
}

/** What is known of frames that the port lets in; undefined for one that lets nothing in. */
export function provenanceOf(guard: Guard): Provenance | undefined {
  switch (guard.mode) {
    case 'locked':
      return guard.rules.provenance;
    case 'unlocked':
      return guard.provenance;
    case 'disabled':
      return undefined;
  }
}
