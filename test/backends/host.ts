import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import type { GuardedHost } from '../../src/backends/backend.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';

/** A guest with one address of each family, in the locked mode. */
export function policy(id: number, different: Partial<GuardPolicy> = {}): GuardPolicy {
  return {
    mode: 'locked',
    mac: parseMac(`00:16:3e:00:00:${(id & 0xff).toString(16).padStart(2, '0')}`),
    extraMacs: [],
    ipv4: [parsePrefix(`192.0.2.${id}`)],
    ipv6: [parsePrefix(`2001:db8::${id}`)],
    linkLocal: 'eui64',
    dhcp: true,
    peers: 'isolated',
    dom0: 'allow',
    roles: [],
    virtualRouters: [],
    ...different,
  };
}

/** Ports with these policies; the indexes of their devices count from 1. */
export function hostWith(policies: Readonly<Record<string, GuardPolicy>>): GuardedHost {
  return {
    bridges: new Set(),
    ports: new Map(
      Object.entries(policies).map(([port, policy], at) => [
        port,
        { index: at + 1, restricted: false, policy: () => policy },
      ]),
    ),
    isEmpty: Object.keys(policies).length === 0,
    restricted: () => [],
    untrustedPorts: [],
  };
}
