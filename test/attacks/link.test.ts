import test from 'ava';
import { ARP_ATTACKS } from './catalogue/arp.ts';
import { BRIDGE_GROUP_ATTACKS } from './catalogue/bridge-group.ts';
import { LINK_ATTACKS } from './catalogue/link.ts';
import { proveAttacks } from './prove.ts';

test('MACs, VLAN tags, LLC and ethertypes', proveAttacks, LINK_ATTACKS);

test('bridge groups', proveAttacks, BRIDGE_GROUP_ATTACKS);

test('ARP', proveAttacks, ARP_ATTACKS);
