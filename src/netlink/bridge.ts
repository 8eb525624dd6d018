import { type Fields, flag, u16 } from './attributes.ts';

/** What a bridge keeps for itself (IFLA_BR_*, net/bridge/br_netlink.c), by ip-link(8)'s names. */
export interface BridgeAttributes {
  vlanFiltering: boolean;
  /** The VLAN that a new port gets; 0 none. Absent in a kernel without VLAN filtering. */
  vlanDefaultPvid: number;
  /** This and the next need br_netfilter. */
  nfCallIptables: boolean;
  nfCallIp6tables: boolean;
}

export const BRIDGE: Fields<BridgeAttributes> = {
  vlanFiltering: flag(7),
  nfCallIptables: flag(36),
  nfCallIp6tables: flag(37),
  vlanDefaultPvid: u16(39),
};
