import test from 'ava';
import { DHCP_CLIENT, IPV4_SOURCES, IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { proveAttacks } from './prove.ts';

test('IPv4 sources that are not the guest', proveAttacks, IPV4_SOURCES);

test('what speaks for the network over IPv4, in every disguise', proveAttacks, IPV4_SPEAKERS);

test('a DHCP client that may not be one', proveAttacks, DHCP_CLIENT, {
  guest: { directives: 'peers=open,dhcp=off' },
});
