import { parsePrefix } from '../../../src/address/ip.ts';
import { parseMac } from '../../../src/address/mac.ts';
import type { GuardPolicy } from '../../../src/policy/guard-policy.ts';

/** What policies differ in so that their ports are of different classes. */
export const FORMS: Readonly<Record<string, Partial<GuardPolicy>>> = {
  locked: {},
  'no addresses': { ipv4: [], ipv6: [] },
  'any address': { ipv4: 'any', ipv6: 'any', linkLocal: 'any' },
  'the whole space as prefixes': { ipv4: [parsePrefix('0.0.0.0/0')], ipv6: [parsePrefix('::/0')] },
  prefixes: { ipv4: [parsePrefix('198.51.100.0/25')], ipv6: [parsePrefix('2001:db8:1::/50')] },
  'dom0=icmp, dhcp=off, open': { dom0: 'icmp', dhcp: false, peers: 'open' },
  'dom0=none': { dom0: 'none' },
  'all roles': { roles: ['router', 'dhcp-server', 'vrrp'] },
  'a virtual router': {
    roles: ['vrrp'],
    virtualRouters: [{ id: 51, addresses: ['192.0.2.251', '2001:db8::251'].map(parsePrefix) }],
  },
  'more MACs': { extraMacs: [parseMac('00:16:3e:00:01:01')] },
  unlocked: { mode: 'unlocked' },
  disabled: { mode: 'disabled' },
};
