import test from 'ava';
import fc from 'fast-check';
import { type IpFamily, type IpPrefix, parsePrefix } from '../../src/address/ip.ts';
import { type MacAddress, parseMac } from '../../src/address/mac.ts';
import { InputError } from '../../src/errors.ts';
import type { AddressSet, GuardPolicy } from '../../src/policy/guard-policy.ts';
import { policyFromJson, policyToJson, policyToXenstore } from '../../src/policy/serialize.ts';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS, ROLES } from '../../src/policy/vocabulary.ts';

const POLICY: GuardPolicy = {
  mode: 'locked',
  mac: parseMac('00:16:3e:38:b4:ac'),
  extraMacs: [parseMac('00:00:5e:00:01:05')],
  ipv4: ['192.0.2.43', '192.0.2.1', '198.51.100.0/24'].map(parsePrefix),
  ipv6: 'any',
  linkLocal: 'eui64',
  dhcp: true,
  peers: 'isolated',
  dom0: 'icmp',
  roles: ['router', 'vrrp'],
  vlan: 10,
  virtualRouters: [{ id: 5, addresses: [parsePrefix('192.0.2.1')] }],
};

test('JSON is plain text and numbers', (t) => {
  t.deepEqual(JSON.parse(JSON.stringify(policyToJson(POLICY))), {
    mode: 'locked',
    mac: '00:16:3e:38:b4:ac',
    extraMacs: ['00:00:5e:00:01:05'],
    ipv4: ['192.0.2.43', '192.0.2.1', '198.51.100.0/24'],
    ipv6: 'any',
    linkLocal: 'eui64',
    dhcp: true,
    peers: 'isolated',
    dom0: 'icmp',
    roles: ['router', 'vrrp'],
    vlan: 10,
    virtualRouters: [{ id: 5, addresses: ['192.0.2.1'] }],
  });
});

test('xenstore has a key for each field', (t) => {
  t.deepEqual(policyToXenstore(POLICY), {
    mode: 'locked',
    mac: '00:16:3e:38:b4:ac',
    'extra-mac': '00:00:5e:00:01:05',
    ipv4: '192.0.2.43 192.0.2.1 198.51.100.0/24',
    ipv6: 'any',
    'link-local': 'eui64',
    dhcp: 'on',
    peers: 'isolated',
    dom0: 'icmp',
    role: 'router vrrp',
    vlan: '10',
    vrrp: '5,192.0.2.1',
  });
});

test('what one xenstore value cannot hold is counted', (t) => {
  const ipv6 = Array.from({ length: 1000 }, (_, i) => parsePrefix(`2001:db8::${i.toString(16)}`));
  const text = policyToXenstore({ ...POLICY, ipv6 }).ipv6 ?? '';
  const [, shown = '', hidden = ''] = /^(.*) \+(\d+) more$/.exec(text) ?? [];
  t.is(shown.split(' ').length + Number(hidden), 1000);
  t.true(text.length < 2100 && shown.length > 2000);
  t.deepEqual(shown.split(' ').map(parsePrefix), ipv6.slice(0, 1000 - Number(hidden)));
});

const bits = (size: number) =>
  fc.bigInt({ min: 1n << BigInt(size - 3), max: (1n << BigInt(size - 3)) + 1000n });
const host = (family: IpFamily): fc.Arbitrary<IpPrefix> => {
  const size = family === 4 ? 32 : 128;
  return bits(size).map((value) => ({ family, bits: value, length: size }));
};
const set = (family: IpFamily): fc.Arbitrary<AddressSet> =>
  fc.oneof(fc.constant('any' as const), fc.array(host(family), { maxLength: 4 }));
const mac: fc.Arbitrary<MacAddress> = fc
  .nat(0xffff)
  .map((n) => parseMac(`02:00:00:00:${(n >> 8).toString(16)}:${(n & 255).toString(16)}`));
const whole: fc.Arbitrary<GuardPolicy> = fc.record({
  mode: fc.constantFrom(...MODES),
  mac,
  extraMacs: fc.array(mac, { maxLength: 3 }),
  ipv4: set(4),
  ipv6: set(6),
  linkLocal: fc.constantFrom(...LINK_LOCAL),
  dhcp: fc.boolean(),
  peers: fc.constantFrom(...PEERS),
  dom0: fc.constantFrom(...DOM0_ACCESS),
  roles: fc.subarray([...ROLES]),
  virtualRouters: fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 255 }),
      addresses: fc.array(fc.oneof(host(4), host(6)), { minLength: 1, maxLength: 3 }),
    }),
    { maxLength: 2 },
  ),
});

const vlan = fc.integer({ min: 1, max: 4094 }).map((vid) => ({ vlan: vid }));
const policies = fc
  .tuple(whole, fc.oneof(fc.constant({}), vlan))
  .map(([policy, more]): GuardPolicy => ({ ...policy, ...more }));

test('what is stored is read back', (t) => {
  fc.assert(
    fc.property(policies, (policy) => {
      t.deepEqual(policyFromJson(JSON.parse(JSON.stringify(policyToJson(policy)))), policy);
    }),
    { numRuns: 300 },
  );
});

const good = policyToJson(POLICY);
const bad: [what: string, json: unknown, message: RegExp][] = [
  ['nothing', null, /is not an object/],
  ['text', 'x', /is not an object/],
  ['an unknown mode', { ...good, mode: 'x' }, /^stored policy, field mode: "x" is none of/],
  ['no MAC', { ...good, mac: undefined }, /^stored policy, field mac: "undefined" should be text$/],
  ['a bad MAC', { ...good, extraMacs: ['x'] }, /^stored policy, field extraMacs: "x" is not a MAC address/],
  [
    'IPv6 among IPv4',
    { ...good, ipv4: ['2001:db8::1'] },
    /^stored policy, field ipv4: "2001:db8::1" is not an IPv4/,
  ],
  [
    'a lone address',
    { ...good, ipv4: '192.0.2.1' },
    /^stored policy, field ipv4: "192.0.2.1" should be an array$/,
  ],
  ['a number for a switch', { ...good, dhcp: 1 }, /^stored policy, field dhcp: "1" should be true or false$/],
  [
    'a bad VRID',
    { ...good, virtualRouters: [{ id: 0, addresses: ['192.0.2.1'] }] },
    /virtualRouters: "0" is not a VRID/,
  ],
  [
    'an object that has no text',
    { ...good, mode: { toString: '' } },
    /^stored policy, field mode: an object should be text$/,
  ],
  ['VLAN 0', { ...good, vlan: 0 }, /^stored policy, field vlan: "0" is no VLAN/],
  ['text for a VLAN', { ...good, vlan: '10' }, /^stored policy, field vlan: VLAN "10" should be a number/],
  ['half a router', { ...good, virtualRouters: [{ id: 1 }] }, /virtualRouters: a virtual router has an id/],
];

for (const [what, json, message] of bad) {
  test(`refuses ${what}`, (t) => {
    t.regex(t.throws(() => policyFromJson(json), { instanceOf: InputError }).message, message);
  });
}

test('refuses any policy that lacks a field, but for the VLAN, which a guest may not have', (t) => {
  const { vlan: _, ...flat } = good;
  t.is(policyFromJson(flat).vlan, undefined);
  for (const name of Object.keys(flat)) {
    const rest = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    t.throws(() => policyFromJson(rest), { instanceOf: InputError, message: new RegExp(`field ${name}:`) });
  }
});

test('no JSON makes it do anything but decode or refuse', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.record({ virtualRouters: fc.jsonValue() }).map((odd) => ({ ...good, ...odd })),
      ),
      (json) => {
        try {
          policyFromJson(json);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      },
    ),
  );
  t.pass();
});
