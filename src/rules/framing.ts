import { drop, type Rule, type Stage } from './rule.ts';

const BRIDGE_GROUPS = { address: '01:80:c2:00:00:00', mask: 'ff:ff:ff:ff:ff:f0' };

const UNTAGGED: readonly Rule[] = [
  drop('vlan-tag', { etherType: 'vlan' }),
  drop('vlan-tag', { etherType: 'service-vlan' }),
  drop('llc-snap', { etherType: 'length' }),
];

/** No tag (IEEE 802.1Q, VID 0 included), no LLC, no bridge group (IEEE 802.1Q table 8-1). */
export const framingFromGuest: Stage<'framing'> = {
  name: 'framing',
  rules: [...UNTAGGED, drop('bridge-group', { etherDestination: BRIDGE_GROUPS })],
  otherwise: 'pass',
};

export const framingToGuest: Stage<'framing'> = { name: 'framing', rules: UNTAGGED, otherwise: 'pass' };
