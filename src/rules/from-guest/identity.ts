import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { macsOf } from '../../policy/identity.ts';
import { pass, type Stage } from '../rule.ts';

/** The source MAC is the guest's own. */
export function identity(policy: GuardPolicy): Stage<'identity'> {
  return {
    name: 'identity',
    rules: macsOf(policy).map((etherSource) => pass({ etherSource })),
    otherwise: { drop: 'mac-spoof' },
  };
}
