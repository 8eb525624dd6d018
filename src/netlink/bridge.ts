import { type Fields, flag, u8, u16, u32 } from './attributes.ts';

/** What a bridge keeps for itself (IFLA_BR_*, net/bridge/br_netlink.c), by ip-link(8)'s names. */
export interface BridgeAttributes {
  /** In hundredths of a second. */
  forwardDelay: number;
  /** In hundredths of a second. */
  ageingTime: number;
  /** 0 off, 1 in the kernel, 2 in user space. */
  stpState: number;
  vlanFiltering: boolean;
  /** The VLAN that a new port gets; 0 none. Absent in a kernel without VLAN filtering. */
  vlanDefaultPvid: number;
  groupFwdMask: number;
  /** 0 never a multicast router, 1 when queries are seen, 2 always. */
  mcastRouter: number;
  mcastSnooping: boolean;
  mcastQuerier: boolean;
  /** The three need br_netfilter. */
  nfCallIptables: boolean;
  nfCallIp6tables: boolean;
  nfCallArptables: boolean;
}

export const BRIDGE: Fields<BridgeAttributes> = {
  forwardDelay: u32(1),
  ageingTime: u32(4),
  stpState: u32(5),
  vlanFiltering: flag(7),
  groupFwdMask: u16(9),
  mcastRouter: u8(22),
  mcastSnooping: flag(23),
  mcastQuerier: flag(25),
  nfCallIptables: flag(36),
  nfCallIp6tables: flag(37),
  nfCallArptables: flag(38),
  vlanDefaultPvid: u16(39),
};
