/**
 * The device group (ip(8)) of guarded ports, which they keep whatever becomes of them. The packet filter drops IP
 * packets that a device of it hands to dom0 itself: bridged frames never come by their port, so this port has lost
 * its bridge, and with it all rules for bridged frames. nftables tells guarded ports by it, and drops bridged frames
 * of those that no rules of their own judge.
 */
export const GUEST_GROUP = 0x7666;
