import test from 'ava';
import { ND_ATTACKS, ND_DISGUISES } from './catalogue/ipv6.ts';
import { proveAttacks } from './prove.ts';

test('foreign targets and foreign options', proveAttacks, ND_ATTACKS);

test('extension headers, fragments, hop limits', proveAttacks, ND_DISGUISES);
