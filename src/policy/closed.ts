import { parseMac } from '../address/mac.ts';
import type { GuardPolicy } from './guard-policy.ts';

/** Lets nothing through: for a port of which nothing else is known. */
export const CLOSED: GuardPolicy = {
  mode: 'disabled',
  mac: parseMac('02:00:00:00:00:00'),
  extraMacs: [],
  ipv4: [],
  ipv6: [],
  linkLocal: 'listed',
  dhcp: false,
  peers: 'isolated',
  dom0: 'none',
  roles: [],
  virtualRouters: [],
};
