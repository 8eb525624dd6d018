/**
 * The device group (ip(8)) of guarded ports, which a port keeps when it loses its name or its bridge. The packet
 * filter drops IP packets that enter dom0's own stack by a device of this group: bridged frames enter it by the
 * bridge, so the port is off its bridge, and the rules for bridged frames do not apply. nftables also drops bridged
 * frames of a port in this group that no rules of its own judge.
 */
export const GUEST_GROUP = 0x7666;
