import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { macsOf } from '../../policy/identity.ts';
import { drop, pass, type Stage } from '../rule.ts';

const GROUP = { address: '01:00:00:00:00:00', mask: '01:00:00:00:00:00' };

/** Only frames for the guest's MAC or for a group, so that nothing flooded is overheard. */
export function delivery(policy: GuardPolicy): Stage<'delivery'> {
  return {
    name: 'delivery',
    rules: [
      pass({ etherDestination: GROUP }),
      ...macsOf(policy).map((mac) => pass({ etherDestination: { address: mac, mask: 'ff:ff:ff:ff:ff:ff' } })),
    ],
    otherwise: { drop: 'not-addressed' },
  };
}

/** The same as the bridge's `isolated` flag: isolated ports do not hear each other. */
export function isolation({ peers }: GuardPolicy): Stage<'isolation'> {
  return {
    name: 'isolation',
    rules: peers === 'isolated' ? [drop('isolated', { fromIsolated: true })] : [],
    otherwise: 'pass',
  };
}
