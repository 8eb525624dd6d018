/** What can install the packet filter: ebtables and ip6tables, or nft. */
export const BACKENDS = ['xtables', 'nftables'] as const;
export type BackendName = (typeof BACKENDS)[number];
