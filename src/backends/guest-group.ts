/**
 * The device group (ip(8)) of guarded ports. The packet filter drops IP packets that a device of it hands to dom0
 * itself: bridged frames never come by their port, so this port has lost its bridge, and with it all rules for
 * bridged frames.
 */
export const GUEST_GROUP = 0x7666;
