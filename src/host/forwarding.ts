import type { Link } from '../netlink/link.ts';

export const FAMILIES = ['IPv4', 'IPv6'] as const;
export type Family = (typeof FAMILIES)[number];

/** dom0's own firewall, as far as it decides about what dom0 forwards. */
export interface Forwarding {
  /** The filter table as `iptables -S` and `ip6tables -S` print it; empty when it cannot be read. */
  readonly filter: Readonly<Record<Family, readonly string[]>>;
  /** The lines of firewalld's table, without blanks around them; empty when there is none. */
  readonly firewalld: readonly string[];
  /** The families of which every bridge shows its frames to that firewall (net.bridge.bridge-nf-call-*). */
  readonly calls: Readonly<Record<Family, boolean>>;
}

/** Which firewall would drop what one port of the bridge sends to another. */
export type Dropper = 'FORWARD' | 'firewalld';

/**
 * Which firewall drops a family's frames on their way through the bridge; undefined when none does.
 * With br_netfilter they come to it as forwarded from the bridge to the bridge. So only rules about both
 * ends of that, as Docker, libvirt and firewalld write for their own bridges, are known to let them through.
 */
export function dropperOf(bridge: Link, family: Family, forwarding: Forwarding): Dropper | undefined {
  const { filter, firewalld } = forwarding;
  if (firewalld.length > 0 && !passesFirewalld(bridge.name, firewalld)) return 'firewalld';
  const rules = filter[family];
  return rules.includes('-P FORWARD DROP') && !passesFilter(bridge.name, rules) ? 'FORWARD' : undefined;
}

/** Whether the bridge shows its frames of the family to dom0's own firewall. */
export function meetsFirewall({ bridge }: Link, family: Family, { calls }: Forwarding): boolean {
  const own = family === 'IPv4' ? bridge?.nfCallIptables : bridge?.nfCallIp6tables;
  return calls[family] || own === true;
}

function passesFilter(bridge: string, rules: readonly string[]): boolean {
  const isBridged = /^-A \S+ (-i \S+ )?-m physdev +--physdev-is-bridged -j ACCEPT$/;
  return rules.some((rule) => {
    if (rule.endsWith(` -i ${bridge} -o ${bridge} -j ACCEPT`)) return true;
    const [matched, from] = isBridged.exec(rule) ?? [];
    return matched !== undefined && (from === undefined || from === `-i ${bridge} `);
  });
}

/** A zone with `forward`, to which the bridge was given by name; or the zone `trusted`. */
function passesFirewalld(bridge: string, lines: readonly string[]): boolean {
  return lines.some(
    (line) => line === `oifname "${bridge}" accept` || line === `iifname "${bridge}" goto filter_FWD_trusted`,
  );
}
