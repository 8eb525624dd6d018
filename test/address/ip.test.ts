import { isIP } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import {
  eui64LinkLocal,
  FAMILY_BITS,
  formatPrefix,
  type IpPrefix,
  isHost,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { InputError } from '../../src/errors.ts';

const valid: [text: string, canonical: string][] = [
  ['192.0.2.43', '192.0.2.43'],
  ['192.0.2.43/32', '192.0.2.43'],
  ['198.51.100.0/24', '198.51.100.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::/64', '2001:db8::/64'],
  ['::', '::'],
  ['::/0', '::/0'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['10:0:0:10:0:0:0:1', '10:0:0:10::1'],
];

for (const [text, canonical] of valid) {
  test(`reads ${text} as ${canonical}`, (t) => {
    t.is(formatPrefix(parsePrefix(text)), canonical);
  });
}

const invalid = [
  '',
  ' ',
  'any',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.01',
  '192.0.2.1/',
  '192.0.2.1/33',
  '192.0.2.1/-1',
];

for (const text of [
  ...invalid,
  ...[
    '192.0.2.1/032',
    '192.0.2.0/24/24',
    '192.0.2.1/24',
    '2001:db8::1/129',
    '2001:db8::1/64',
    '1::2::3',
    '/24',
  ],
  ...[
    'fe80::1%vif1.0',
    '2001:db8:::1',
    '192.0.2.1\n',
    '192.0.2.1\0',
    '192.0.2.1,192.0.2.2',
    '$(x)',
    '0x7f.1',
  ],
  ...['1:2:3:4:5:6:7:8:9', '1'.repeat(100_000), `${'1:'.repeat(50_000)}1`],
]) {
  test(`refuses ${JSON.stringify(text.slice(0, 30))} (${text.length}), quoted safely`, (t) => {
    const error = t.throws(() => parsePrefix(text), { instanceOf: InputError });
    t.regex(error.message, /^[\x20-\x7e]{1,250}$/);
  });
}

const prefixes: fc.Arbitrary<IpPrefix> = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const size = FAMILY_BITS[family];
  const bits = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << BigInt(size)) - 1n }),
    // Words that are mostly zero, where the compression of IPv6 text has its corners.
    fc
      .array(fc.constantFrom<bigint[]>(0n, 0n, 0n, 1n, 0x10n, 0xffffn), {
        minLength: size / 16,
        maxLength: size / 16,
      })
      .map((words) => words.reduce((all, word) => (all << 16n) | word, 0n)),
  );
  return fc.tuple(bits, fc.integer({ min: 0, max: size })).map(([all, length]) => {
    const shift = BigInt(size - length);
    return { family, bits: (all >> shift) << shift, length } as const;
  });
});

test('what is written is read back', (t) => {
  fc.assert(
    fc.property(prefixes, (prefix) => {
      t.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
    }),
  );
});

test('writes IPv6 as the URL standard does, which follows RFC 5952', (t) => {
  fc.assert(
    fc.property(prefixes, ({ family, bits }) => {
      if (family === 4) return;
      const text = formatPrefix({ family, bits, length: 128 });
      t.is(`[${text}]`, new URL(`http://[${text}]/`).hostname);
    }),
    { numRuns: 1000 },
  );
});

test('containment and overlap are those of address ranges', (t) => {
  const range = ({ family, bits, length }: IpPrefix): [bigint, bigint] => [
    bits,
    bits + (1n << BigInt(FAMILY_BITS[family] - length)) - 1n,
  ];
  fc.assert(
    fc.property(prefixes, prefixes, fc.nat(128), (a, other, cut) => {
      const shift = BigInt(FAMILY_BITS[a.family] - Math.min(cut, a.length));
      const outer = { ...a, bits: (a.bits >> shift) << shift, length: Math.min(cut, a.length) };
      t.true(prefixContains(outer, a));
      t.is(prefixContains(a, outer), a.length === outer.length);
      const [aFirst, aLast] = range(a);
      const [bFirst, bLast] = range(other);
      const overlap = a.family === other.family && aFirst <= bLast && bFirst <= aLast;
      t.is(prefixesOverlap(a, other), overlap);
      t.is(isHost(a), aFirst === aLast);
    }),
    { numRuns: 300 },
  );
});

test('derives the link-local address of a MAC', (t) => {
  t.is(formatPrefix(eui64LinkLocal(parseMac('00:16:3e:38:b4:ac'))), 'fe80::216:3eff:fe38:b4ac');
  t.is(formatPrefix(eui64LinkLocal(parseMac('02:00:00:00:00:01'))), 'fe80::ff:fe00:1');
});

test('takes for an address what node:net takes for one', (t) => {
  const characters = fc.constantFrom(...'0123456789aAfF:.g ', '::', '192.0.2.1', '256');
  const nearly = fc.array(characters, { maxLength: 20 }).map((parts) => parts.join(''));
  const groups = fc.array(fc.constantFrom('0', 'db8', 'ffff', '10000', '', '192.0.2.1'), { maxLength: 10 });
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    nearly,
    groups.map((parts) => parts.join(':')),
  );
  const familyRead = (text: string) => {
    try {
      return parsePrefix(text).family;
    } catch {
      return 0;
    }
  };
  fc.assert(
    fc.property(texts, (text) => t.is(familyRead(text), isIP(text))),
    { numRuns: 20_000 },
  );
});
