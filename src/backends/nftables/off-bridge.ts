import { GUEST_GROUP } from '../guest-group.ts';

/** A table of one rule, for what a guarded port hands to dom0 itself once it has lost its bridge. */
export const OFF_BRIDGE_TABLE = 'inet vifguard';

/** No chain of the other table is called so. */
const CHAIN = `${OFF_BRIDGE_TABLE} off-bridge`;

/** Makes it, or makes it right. */
export const OFF_BRIDGE: readonly string[] = [
  `add table ${OFF_BRIDGE_TABLE}`,
  `add chain ${CHAIN} { type filter hook prerouting priority -300; policy accept; }`,
  `flush chain ${CHAIN}`,
  `add rule ${CHAIN} iifgroup ${GUEST_GROUP} drop`,
];
