import type { BackendName } from '../backends/names.ts';

/**
 * How the kernel reads frames for a backend, in all that the backends differ. What it makes of a frame
 * follows from this and from the rules, which are the same for both.
 */
export interface Reading {
  /**
   * Whether IPv6 goes through br_netfilter, which throws away what is malformed and cuts off what
   * follows the packet. Without it a trailer is read as if it were the packet's.
   */
  readonly bridgeNetfilter: boolean;
  /**
   * Whether version and lengths of an IP header are looked at: an IPv4 packet with wrong ones counts as
   * no IPv4, and an IPv6 packet as one without upper layer.
   */
  readonly checksHeaders: boolean;
  /** Whether a port is looked for where a header without options would have it, too. */
  readonly findsPlainPorts: boolean;
  /** Whether what an Authentication Header protects is in sight. */
  readonly looksBehindAuthentication: boolean;
}

export const READINGS: Readonly<Record<BackendName, Reading>> = {
  /** ebt_ip.c and ebt_ip6.c, then ip6tables behind br_netfilter. */
  xtables: {
    bridgeNetfilter: true,
    checksHeaders: false,
    findsPlainPorts: false,
    looksBehindAuthentication: true,
  },
  /** include/net/netfilter/nf_tables_ipv4.h and nf_tables_ipv6.h, ipv6_find_hdr. */
  nftables: {
    bridgeNetfilter: false,
    checksHeaders: true,
    findsPlainPorts: true,
    looksBehindAuthentication: false,
  },
};
