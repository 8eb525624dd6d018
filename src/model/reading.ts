import type { BackendName } from '../backends/names.ts';

/**
 * How the kernel reads frames for a backend, as far as the backends differ. The verdict on a frame follows from
 * this and from the rules, which are the same for both.
 */
export interface Reading {
  /**
   * Whether IPv6 goes through br_netfilter, which throws away what is malformed and cuts off what
   * follows the packet. Without it a trailer is read as if it were the packet's.
   */
  readonly bridgeNetfilter: boolean;
  /**
   * Whether version and lengths of an IP header are checked: an IPv4 packet with wrong ones does not count as
   * IPv4, and an IPv6 packet counts as one without upper layer.
   */
  readonly checksHeaders: boolean;
  /** Whether the port is also read where a header without options would have it. */
  readonly findsPlainPorts: boolean;
  /** Whether headers behind an Authentication Header are read. */
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
