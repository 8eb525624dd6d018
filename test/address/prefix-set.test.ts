import test from 'ava';
import fc from 'fast-check';
import { formatPrefix, type IpPrefix, parsePrefix, prefixesOverlap } from '../../src/address/ip.ts';
import { PrefixSet } from '../../src/address/prefix-set.ts';

/** Few distinct bits, so that prefixes nest and meet often. */
const prefixes = fc
  .tuple(fc.constantFrom(4 as const, 6 as const), fc.nat(63), fc.nat(6))
  .map(([family, bits, length]): IpPrefix => {
    const size = family === 4 ? 32 : 128;
    const kept = (bits >> (6 - length)) << (6 - length);
    return { family, bits: BigInt(kept), length: size - 6 + length };
  });

test('finds an overlap exactly when comparing with each member does', (t) => {
  fc.assert(
    fc.property(fc.array(prefixes, { maxLength: 12 }), prefixes, (members, wanted) => {
      const found = new PrefixSet(members).findOverlap(wanted);
      t.is(
        found !== undefined,
        members.some((member) => prefixesOverlap(member, wanted)),
      );
      if (found !== undefined) t.true(members.includes(found) && prefixesOverlap(found, wanted));
    }),
    { numRuns: 2000 },
  );
});

test('names the member it found', (t) => {
  const set = new PrefixSet(['192.0.2.0/28', '2001:db8::/64'].map(parsePrefix));
  const found = ['192.0.2.15', '192.0.2.16', '0.0.0.0/0', '2001:db8::1'].map((text) => {
    const overlap = set.findOverlap(parsePrefix(text));
    return overlap === undefined ? undefined : formatPrefix(overlap);
  });
  t.deepEqual(found, ['192.0.2.0/28', undefined, '192.0.2.0/28', '2001:db8::/64']);
});
