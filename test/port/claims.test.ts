import test from 'ava';
import fc from 'fast-check';
import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { DEFAULT_HOST_CONFIG } from '../../src/config/host-config.ts';
import { InputError } from '../../src/errors.ts';
import { type Claim, findConflict } from '../../src/policy/conflicts.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { policyFromJson, policyToJson } from '../../src/policy/serialize.ts';
import { refuseConflict, refuseHostAddress } from '../../src/port/claims.ts';
import { indexKeys, rivalKeys } from '../../src/port/index-keys.ts';
import { EMPTY_REGISTRY, type PortRecord } from '../../src/port/registry.ts';

const WEB1 = record(1, { ipv4: [parsePrefix('192.0.2.41')], ipv6: [parsePrefix('2001:db8::41')] });

const conflicting: readonly (readonly [string, Partial<GuardPolicy>])[] = [
  ['its MAC', { mac: parseMac('00:16:3e:00:00:01') }],
  ['its MAC as a further one', { extraMacs: [parseMac('00:16:3e:00:00:01')] }],
  ['its address', { ipv6: [parsePrefix('2001:db8::41')] }],
  ['a block with its address', { ipv4: [parsePrefix('192.0.2.0/24')] }],
  ['the link-local address of its MAC', { ipv6: [parsePrefix('fe80::216:3eff:fe00:1')] }],
];

for (const [what, policy] of conflicting) {
  test(`refuses a guest that claims ${what}, whoever comes first`, async (t) => {
    const other = record(2, policy);
    await t.throwsAsync(claim('vif2.0', other, { 'vif1.0': WEB1 }), { instanceOf: InputError });
    await t.throwsAsync(claim('vif1.0', WEB1, { 'vif2.0': other }), { instanceOf: InputError });
  });
}

test('lets guests be that have nothing in common', async (t) => {
  const other = record(2, { ipv4: [parsePrefix('192.0.2.42')], ipv6: [parsePrefix('fe80::42')] });
  await t.notThrowsAsync(claim('vif2.0', other, { 'vif1.0': WEB1 }));
  await t.notThrowsAsync(claim('vif1.0', WEB1, { 'vif2.0': other }));
});

const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02', '00:16:3e:00:00:03'].map(parseMac);
const BLOCKS = {
  ipv4: [
    '192.0.2.1',
    '192.0.2.2',
    '192.0.2.0/31',
    '192.0.2.0/24',
    '198.51.100.1',
    '192.0.0.0/16',
    '0.0.0.0/0',
  ],
  ipv6: [
    ...['2001:db8::1', '2001:db8::2', '2001:db8::/127', '2001:db8::/64', '2001:db8:0:1::1', '2001:db8::/48'],
    ...['fe80::216:3eff:fe00:1', 'fe80::216:3eff:fe00:0/112', 'fe80::/64', 'fe80::/10', '::/0'],
  ],
};
const FAR = Array.from({ length: 100 }, (_, index) => `203.0.113.${index}`);
const lists = (texts: readonly string[]) =>
  fc.oneof(
    fc.constant('any' as const),
    fc.subarray([...texts], { maxLength: 2 }).map((list) => list.map(parsePrefix)),
  );
const claims = fc
  .record({
    mac: fc.constantFrom(...MACS),
    extraMacs: fc.subarray(MACS, { maxLength: 1 }),
    ipv4: lists(BLOCKS.ipv4),
    ipv6: lists(BLOCKS.ipv6),
    isMany: fc.boolean(),
  })
  .map(({ isMany, ipv4, ...policy }) => {
    return { ...policy, ipv4: isMany && ipv4 !== 'any' ? [...ipv4, ...FAR.map(parsePrefix)] : ipv4 };
  });

test('the index leads to every port that has something in common, whatever they hold', async (t) => {
  const isFound = fc.asyncProperty(claims, claims, fc.boolean(), async (mine, others, isFar) => {
    const [a, b] = [record(1, mine), record(2, others)];
    const near = isFar ? record(2, { ...others, ipv4: [...FAR.map(parsePrefix)] }) : b;
    const conflict = findConflict(claimOf('vif1.0', a), [claimOf('vif2.0', near)]);
    const refused = await claim('vif1.0', a, { 'vif2.0': near }).then(
      () => false,
      () => true,
    );
    return refused === (conflict !== undefined);
  });
  await t.notThrowsAsync(() => fc.assert(isFound, { numRuns: 3000 }));
});

test('what a claim is compared with are few, where others hold no more than addresses or blocks of their own', (t) => {
  const texts = Array.from({ length: 200 }, (_, index) => [
    `198.51.100.${index}`,
    `2001:db8:0:ffff::${index.toString(16)}`,
    `2001:db8:${index.toString(16)}::/64`,
  ]);
  const ports = texts.map(([ipv4 = '', ...ipv6], index) => {
    const mac = parseMac(`00:16:3e:01:00:${index.toString(16).padStart(2, '0')}`);
    return record(1, { mac, ipv4: [parsePrefix(ipv4)], ipv6: ipv6.map(parsePrefix) }).policy;
  });
  const [first, ...others] = ports;
  const keys = new Set(first === undefined ? undefined : rivalKeys(first));
  const rivals = others.filter((policy) => indexKeys({ ...WEB1, policy }).some((key) => keys.has(key)));
  t.deepEqual([keys.size > 0, rivals.length], [true, 0]);
});

test('an address that this host has is refused by itself, and not in the block of their segment', (t) => {
  const ipv6 = ['2001:db8::41', '2001:db8:0:1::/64'].map(parsePrefix);
  const guest = record(1, { ipv4: [parsePrefix('192.0.2.41')], ipv6 });
  const check = (address: string) => () =>
    refuseHostAddress({
      port: 'vif1.0',
      record: guest,
      addresses: [parsePrefix(address)],
    });
  for (const held of ['192.0.2.41', '2001:db8::41'])
    t.throws(check(held), { instanceOf: InputError, message: new RegExp(`${held}: this host itself`) }, held);
  for (const other of ['192.0.2.42', '2001:db8:0:1::2']) t.notThrows(check(other), other);
});

function claimOf(port: string, { domid, bridge, policy }: PortRecord): Claim {
  const owner = { port, identity: `web${domid}/0`, label: port };
  return { owner, segment: bridge, policy: policyFromJson(policy) };
}

function record(domid: number, policy: Partial<GuardPolicy>): PortRecord {
  const whole: GuardPolicy = {
    ...DEFAULT_HOST_CONFIG.defaults,
    mac: parseMac(`00:16:3e:00:00:0${domid}`),
    extraMacs: [],
    ipv4: [],
    ipv6: [],
    roles: [],
    virtualRouters: [],
    ...policy,
  };
  return {
    kind: 'vif',
    bridge: 'xenbr0',
    domid,
    handle: 0,
    domain: `web${domid}`,
    backendPath: `backend/vif/${domid}/0`,
    policy: policyToJson(whole),
  };
}

function claim(port: string, claimant: PortRecord, ports: Readonly<Record<string, PortRecord>>) {
  const registry = { ...EMPTY_REGISTRY, ports: EMPTY_REGISTRY.ports.with(Object.entries(ports)) };
  const isThere = async () => true;
  return refuseConflict({ registry, port, record: claimant, isThere, forget: async () => registry });
}
