import test from 'ava';
import { formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { type Directives, vifDirectives } from '../../src/config/directives.ts';
import { effectivePolicy, type VifSpecFields } from '../../src/config/effective-policy.ts';
import { DEFAULT_HOST_CONFIG, type PolicyDefaults } from '../../src/config/host-config.ts';
import { parseXlcfg } from '../../src/config/xlcfg-parser.ts';
import { InputError } from '../../src/errors.ts';
import type { AddressSet, GuardPolicy } from '../../src/policy/guard-policy.ts';

const PATH = '/local/domain/0/backend/vif/1/0';
const MAC = '00:16:3e:38:b4:ac';

function policy(
  vif: Partial<VifSpecFields>,
  entry = '',
  defaults: Partial<PolicyDefaults> = {},
): GuardPolicy {
  const config = parseXlcfg('web.cfg', `vif = [ '' ]\nvifguard = [ '${entry}' ]`);
  const directives: Directives = vifDirectives(config, { handle: 0, mac: parseMac(MAC) });
  return effectivePolicy({
    path: PATH,
    vif: { mac: MAC, ...vif },
    directives,
    defaults: { ...DEFAULT_HOST_CONFIG.defaults, ...defaults },
  });
}

function text(set: AddressSet): 'any' | string[] {
  return set === 'any' ? set : set.map(formatPrefix);
}

function addresses({ ipv4, ipv6 }: GuardPolicy): ('any' | string[])[] {
  return [text(ipv4), text(ipv6)];
}

test('without a word: locked to its MAC, with no address', (t) => {
  t.deepEqual(policy({}), {
    mode: 'locked',
    mac: parseMac(MAC),
    extraMacs: [],
    ipv4: [],
    ipv6: [],
    linkLocal: 'eui64',
    dhcp: true,
    peers: 'isolated',
    dom0: 'allow',
    roles: [],
    virtualRouters: [],
  });
});

test('directives win over the host, and the host over nothing', (t) => {
  const defaults = {
    mode: 'disabled',
    dhcp: false,
    peers: 'open',
    dom0: 'none',
    linkLocal: 'listed',
  } as const;
  t.like(policy({}, '', defaults), defaults);
  t.like(policy({}, 'mode=locked,dhcp=on,peers=isolated,dom0=icmp,link-local=any', defaults), {
    mode: 'locked',
    dhcp: true,
    peers: 'isolated',
    dom0: 'icmp',
    linkLocal: 'any',
  });
});

test('joins the addresses of the spec and of the directives, each once', (t) => {
  const joined = policy(
    { ip: ' 192.0.2.43\t2001:DB8::60 192.0.2.43\n198.51.100.0/24 ' },
    'ip=2001:db8::60 fe80::1',
  );
  t.deepEqual(addresses(joined), [
    ['192.0.2.43', '198.51.100.0/24'],
    ['2001:db8::60', 'fe80::1'],
  ]);
});

test('address lists have three states, whose absence the mode decides', (t) => {
  t.deepEqual(addresses(policy({ ip: '192.0.2.1' }, 'ip=any')), ['any', 'any']);
  t.deepEqual(addresses(policy({ ip: 'any' }, 'ip=192.0.2.1')), ['any', 'any']);
  t.deepEqual(addresses(policy({}, 'mode=unlocked')), ['any', 'any']);
  t.deepEqual(addresses(policy({ ip: '' }, 'mode=unlocked')), [[], []]);
  t.deepEqual(addresses(policy({}, 'mode=unlocked,ip=')), [[], []]);
  t.deepEqual(addresses(policy({}, 'mode=disabled')), [[], []]);
});

test('virtual routers give addresses, MACs and the role', (t) => {
  const router = policy(
    { ip: '192.0.2.2' },
    'mac=02:00:00:00:00:01,role=router,vrrp=51 192.0.2.1 2001:db8::1',
  );
  t.deepEqual<readonly string[], string[]>(router.extraMacs, [
    '02:00:00:00:00:01',
    '00:00:5e:00:01:33',
    '00:00:5e:00:02:33',
  ]);
  t.deepEqual(addresses(router), [['192.0.2.2', '192.0.2.1'], ['2001:db8::1']]);
  t.deepEqual(router.roles, ['router', 'vrrp']);
  t.deepEqual<readonly string[], string[]>(policy({}, 'vrrp=255 2001:db8::1').extraMacs, [
    '00:00:5e:00:02:ff',
  ]);
});

test('its own MAC among the extra ones is harmless', (t) => {
  t.deepEqual(policy({}, `mac=${MAC} ${MAC}`).extraMacs, []);
});

test('takes thousands of addresses in no time', (t) => {
  const words = Array.from({ length: 5000 }, (_, i) => `2001:db8::${i.toString(16)}`);
  const start = process.cpuUsage();
  t.is(policy({ ip: words.join(' ') }).ipv6.length, 5000);
  t.true(process.cpuUsage(start).user < 2_000_000);
});

const notForGuests = [
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '0.0.0.0/0',
    '192.0.0.0/2',
  ],
  ...['::', '::1', '::ffff:192.0.2.1', '::ffff:0:0/96', 'ff02::1', 'ff00::/8', '::/0', 'f000::/4'],
];
const hostile = [
  '$(touch /tmp/x)',
  '`id`',
  '192.0.2.1;id',
  '"192.0.2.1"',
  '192.0.2.1\0',
  '192.0.2.1,192.0.2.2',
  '１９２.0.2.1',
];

for (const ip of [
  ...notForGuests,
  ...hostile,
  '192.0.2.1 any',
  '192.0.2.1\u00a0192.0.2.2',
  'a'.repeat(100_000),
]) {
  test(`refuses ip=${JSON.stringify(ip.slice(0, 30))}, safely quoted and with its key`, (t) => {
    const error = t.throws(() => policy({ ip }), { instanceOf: InputError });
    t.regex(error.message, /^\/local\/domain\/0\/backend\/vif\/1\/0\/ip: "[\x20-\x7e]{1,300}$/);
    t.true(error.cause instanceof InputError);
  });
}

test('the VLAN of xenstore goes before that of the directives', (t) => {
  t.is(policy({}, 'vlan=10').vlan, 10);
  t.is(policy({ vlan: '' }, 'vlan=10').vlan, 10);
  t.is(policy({ vlan: '20p' }, 'vlan=10').vlan, 20);
});

test('refuses a bad MAC and a bad VLAN, with their keys', (t) => {
  const mac = t.throws(() => policy({ mac: 'ff:ff:ff:ff:ff:ff' }), { instanceOf: InputError });
  t.regex(
    mac.message,
    /^\/local\/domain\/0\/backend\/vif\/1\/0\/mac: MAC address "ff:ff:ff:ff:ff:ff" is a group/,
  );
  const vlan = t.throws(() => policy({ vlan: '10p\x1b' }), { instanceOf: InputError });
  t.regex(vlan.message, /^\/local\/domain\/0\/backend\/vif\/1\/0\/vlan: "10p\\x1b" is no VLAN; /);
});
