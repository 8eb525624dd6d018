import test from 'ava';
import { IPV4_SOURCES, IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { proveAttacks } from './prove.ts';

test('sources that are not the guest', proveAttacks, IPV4_SOURCES);

test('what speaks for the network', proveAttacks, IPV4_SPEAKERS);
