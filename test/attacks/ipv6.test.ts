import test from 'ava';
import {
  DHCPV6_CLIENT,
  HEADER_CHAINS,
  IPV6_SOURCES,
  IPV6_SPEAKERS,
  MALFORMED_IPV6,
} from './catalogue/ipv6.ts';
import { proveAttacks } from './prove.ts';

test('IPv6 sources that are not the guest', proveAttacks, IPV6_SOURCES);

test('what speaks for the network over IPv6, in every disguise', proveAttacks, IPV6_SPEAKERS);

test('header chains that hide something', proveAttacks, [...HEADER_CHAINS, ...MALFORMED_IPV6]);

test('a DHCPv6 client that may not be one', proveAttacks, DHCPV6_CLIENT, {
  guest: { directives: 'peers=open,dhcp=off' },
});
