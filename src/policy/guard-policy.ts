import type { IpPrefix } from '../address/ip.ts';
import type { MacAddress } from '../address/mac.ts';

/**
 * What a port lets through, in XenServer's words: `locked` only what the guest is, `unlocked`
 * everything, `disabled` nothing.
 */
export type Mode = 'locked' | 'unlocked' | 'disabled';

/** The addresses a guest may use: every address, or those listed (an empty list is none). */
export type AddressSet = 'any' | readonly IpPrefix[];

/** Which IPv6 link-local source is the guest's: the EUI-64 of its MAC, listed ones only, or any. */
export type LinkLocal = 'eui64' | 'listed' | 'any';

/** Whether the guest may exchange frames with other isolated guests of the same bridge. */
export type Peers = 'isolated' | 'open';

/** What the guest may send to dom0 itself: everything, ARP/ND and ICMP, or nothing. */
export type Dom0Access = 'allow' | 'icmp' | 'none';

/**
 * What a guest may do for the network: `router` speaks RA, redirect, queries and routing protocols,
 * `dhcp-server` answers DHCP, `vrrp` announces a virtual router (RFC 5798, CARP).
 */
export type Role = 'router' | 'dhcp-server' | 'vrrp';

/** A virtual router the guest may announce (RFC 5798): shared with the guests that back it up. */
export interface VirtualRouter {
  /** VRID, 1 to 255. */
  readonly id: number;
  /** Its addresses, each of full length; never empty. */
  readonly addresses: readonly IpPrefix[];
}

/** Everything that decides what one vif lets through. Complete: defaults are already applied. */
export interface GuardPolicy {
  readonly mode: Mode;
  /** The vif's own address, from the backend path in xenstore. */
  readonly mac: MacAddress;
  /** Further source addresses the guest may use, VRRP's virtual ones included. */
  readonly extraMacs: readonly MacAddress[];
  /** IPv4 addresses, VRRP's virtual ones included. Empty: the guest has no IPv4. */
  readonly ipv4: AddressSet;
  /** IPv6 addresses without the link-local one that `linkLocal` grants. Empty: no IPv6 at all. */
  readonly ipv6: AddressSet;
  readonly linkLocal: LinkLocal;
  /** Whether the guest may be a DHCP client, for each family in which it has addresses. */
  readonly dhcp: boolean;
  readonly peers: Peers;
  readonly dom0: Dom0Access;
  readonly roles: readonly Role[];
  /** The VLAN of its untagged frames on a bridge that filters VLANs; absent: the bridge's default. */
  readonly vlan?: number;
  /** Which of `extraMacs`, `ipv4` and `ipv6` are virtual ones. Empty without the role `vrrp`. */
  readonly virtualRouters: readonly VirtualRouter[];
}
