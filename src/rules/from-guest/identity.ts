import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { macsOf } from '../identity.ts';
import { drop, pass, type Stage } from '../rule.ts';

const BRIDGE_GROUPS = { address: '01:80:c2:00:00:00', mask: 'ff:ff:ff:ff:ff:f0' };

/** Layer 2: no tag, no LLC, no bridge group (IEEE 802.1Q table 8-1), and the guest's own source MAC. */
export function identity(policy: GuardPolicy): Stage<'identity'> {
  return {
    name: 'identity',
    rules: [
      drop('vlan-tag', { etherType: 'vlan' }),
      drop('vlan-tag', { etherType: 'service-vlan' }),
      drop('llc-snap', { etherType: 'length' }),
      drop('bridge-group', { etherDestination: BRIDGE_GROUPS }),
      ...macsOf(policy).map((etherSource) => pass({ etherSource })),
    ],
    otherwise: { drop: 'mac-spoof' },
  };
}
