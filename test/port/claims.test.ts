import test from 'ava';
import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { DEFAULT_HOST_CONFIG } from '../../src/config/host-config.ts';
import { InputError } from '../../src/errors.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { policyToJson } from '../../src/policy/serialize.ts';
import { refuseConflict } from '../../src/port/claims.ts';
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
