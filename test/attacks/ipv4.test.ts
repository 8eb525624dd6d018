import test from 'ava';
import { DHCP_CLIENT, DISGUISED_DHCP, IPV4_SOURCES, IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { proveAttacks } from './prove.ts';

test('IPv4 sources that are not the guest', proveAttacks, IPV4_SOURCES);

test('what speaks for the network over IPv4, in every disguise', proveAttacks, IPV4_SPEAKERS);

test('a DHCP answer where only some clients look for it, by nftables', proveAttacks, DISGUISED_DHCP, {
  lab: { backend: 'nftables' },
});

test('a DHCP client that may not be one', proveAttacks, DHCP_CLIENT, {
  guest: { directives: 'peers=open,dhcp=off' },
});
