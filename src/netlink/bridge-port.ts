import { type Fields, flag, u8, u16 } from './attributes.ts';

/** What a bridge keeps for each of its ports (IFLA_BRPORT_*, net/bridge/br_netlink.c), by the names of bridge(8). */
export interface BridgePortSettings {
  hairpin: boolean;
  /** BPDU guard: a BPDU disables the port. */
  guard: boolean;
  /** The port never leads to the root bridge (IFLA_BRPORT_PROTECT). */
  rootBlock: boolean;
  fastLeave: boolean;
  learning: boolean;
  /** Whether unicast to an unknown address is sent out here. */
  flood: boolean;
  mcastFlood: boolean;
  bcastFlood: boolean;
  mcastToUnicast: boolean;
  /** 0 never a multicast router, 1 when queries are seen, 2 always, 3 for a while. */
  mcastRouter: number;
  /** The group addresses 01:80:c2:00:00:0X that are forwarded, one bit each. */
  groupFwdMask: number;
  neighSuppress: boolean;
  proxyArp: boolean;
  isolated: boolean;
  /** Frames only from sources that have an FDB entry here. Linux 5.16. */
  locked: boolean;
}

export const BRIDGE_PORT: Fields<BridgePortSettings> = {
  hairpin: flag(4),
  guard: flag(5),
  rootBlock: flag(6),
  fastLeave: flag(7),
  learning: flag(8),
  flood: flag(9),
  proxyArp: flag(10),
  mcastRouter: u8(25),
  mcastFlood: flag(27),
  mcastToUnicast: flag(28),
  bcastFlood: flag(30),
  groupFwdMask: u16(31),
  neighSuppress: flag(32),
  isolated: flag(33),
  locked: flag(39),
};

/** Asks a port to forget what it learned; entries of other kinds stay. */
export const IFLA_BRPORT_FLUSH = 24;
