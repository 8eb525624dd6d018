import test from 'ava';
import { formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { type Directives, vifDirectives } from '../../src/config/directives.ts';
import { parseXlcfg } from '../../src/config/xlcfg-parser.ts';

const MAC = '00:16:3e:38:b4:ac';

function read(text: string, handle = 0, mac = MAC): Directives {
  return vifDirectives(parseXlcfg('web.cfg', text), { handle, mac: parseMac(mac) });
}

function readEntry(entry: string): Directives {
  return read(`vif = [ '' ]\nvifguard = [ '${entry}' ]`);
}

function addresses({ ip }: Directives): 'any' | undefined | string[] {
  return ip === undefined || ip === 'any' ? ip : ip.map(formatPrefix);
}

test('reads every key', (t) => {
  const directives = readEntry(
    `mode=unlocked, dhcp=off,peers=open,dom0=icmp,link-local=any,mac=02:00:00:00:00:01 02:00:00:00:00:02,role=router dhcp-server,vlan=10,ip=192.0.2.1  2001:db8::/64,vrrp=51 192.0.2.9,vrrp=255 2001:db8::9 fe80::9`,
  );
  const { ip: _ip, virtualRouters = [], ...words } = directives;
  t.deepEqual(words, {
    mode: 'unlocked',
    dhcp: false,
    peers: 'open',
    dom0: 'icmp',
    linkLocal: 'any',
    extraMacs: [parseMac('02:00:00:00:00:01'), parseMac('02:00:00:00:00:02')],
    roles: ['router', 'dhcp-server'],
    vlan: 10,
  });
  t.deepEqual(addresses(directives), ['192.0.2.1', '2001:db8::/64']);
  t.deepEqual(
    virtualRouters.map(({ id, addresses: own }) => [id, ...own.map(formatPrefix)]),
    [
      [51, '192.0.2.9'],
      [255, '2001:db8::9', 'fe80::9'],
    ],
  );
});

test('ip has three states', (t) => {
  t.is(addresses(readEntry('dhcp=on')), undefined);
  t.is(addresses(readEntry('ip=any')), 'any');
  t.deepEqual(addresses(readEntry('ip=')), []);
});

test('entries belong to vifs by position, and an empty one says nothing', (t) => {
  const text = "vif = [ 'bridge=a', 'bridge=b', 'bridge=c' ]\nvifguard = [ 'dhcp=off', '' ]";
  t.deepEqual(read(text, 0), { dhcp: false });
  t.deepEqual(read(text, 1), {});
  t.deepEqual(read(text, 2), {});
});

test('a vif that is not the one of the spec at its position has no entry', (t) => {
  const text = `vif = [ 'mac=${MAC}' ]\nvifguard = [ 'mode=unlocked', 'mode=unlocked' ]`;
  t.deepEqual(read(text, 0), { mode: 'unlocked' });
  t.deepEqual(read(text, 0, '00:16:3e:00:00:01'), {}, 'attached later, in the place of the first');
  t.deepEqual(read(text, 1), {}, 'beyond the list');
  t.deepEqual(read(text.replace(MAC, '0-16-3E-38-B4-AC'), 0), { mode: 'unlocked' }, 'as xl reads a MAC');
  t.deepEqual(read(text.replace(MAC, 'rubbish'), 0), {});
});

test('a VLAN may stand in the spec, which an older xl does not read, or in the entry; both must agree', (t) => {
  t.deepEqual(read("vif = [ 'vlan=10p' ]"), { vlan: 10 });
  t.deepEqual(read("vif = [ 'vlan=10' ]\nvifguard = [ 'vlan=10,dhcp=off' ]"), { vlan: 10, dhcp: false });
  t.deepEqual(read("vif = [ 'vlan=' ]\nvifguard = [ 'vlan=20' ]"), { vlan: 20 });
  const contradiction = () => read("vif = [ 'bridge=b,vlan=10' ]\nvifguard = [ 'vlan=20' ]");
  const { message } = t.throws(contradiction, { instanceOf: ConfigError });
  t.is(message, 'web.cfg:1:19: vlan=10, and its vifguard entry says vlan=20; keep one of them');
});

test('the list ends where xl ends it', (t) => {
  t.deepEqual(read("vif = [ [], 'bridge=b' ]\nvifguard = [ '', 'dhcp=off' ]", 1), {});
});

test('understands the 2008 form for the only vif, beside other addresses', (t) => {
  const lines = '#ipv6=2001:db8::61\n  #ipv6= 2001:db8:1::/64 \n# ipv6=prose\na = 1 #ipv6=2001:db8::9';
  t.deepEqual(addresses(read(`vif = [ '' ]\n${lines}`)), ['2001:db8::61', '2001:db8:1::/64']);
  t.deepEqual(addresses(read(`vif = [ '' ]\nvifguard = [ 'ip=192.0.2.1' ]\n${lines}`)), [
    '192.0.2.1',
    '2001:db8::61',
    '2001:db8:1::/64',
  ]);
  t.is(addresses(read(`vif = [ '' ]\nvifguard = [ 'ip=any' ]\n${lines}`)), 'any');
  t.is(addresses(read(`vif = [ '' ]\n${lines}`, 1)), undefined, 'not for a vif attached later');
});

const refused: [text: string, message: RegExp][] = [
  [
    "vif=['']\nvifguard = [ 'dhcp=on, pers=open' ]",
    /^web.cfg:2:24: unknown vifguard key "pers"; did you mean "peers"\?/,
  ],
  [
    "vif=['']\nvifguard = [ 'x$(y)=1' ]",
    /^web.cfg:2:15: unknown vifguard key "x\$\(y\)"; it is one of mode, /,
  ],
  ["vif=['']\nvifguard = [ 'dhcp=yes' ]", /^web.cfg:2:20: "yes" is none of on, off$/],
  ["vif=['']\nvifguard = [ 'dhcp' ]", /^web.cfg:2:15: vifguard key "dhcp" has no value; write dhcp=VALUE$/],
  [
    "vif=['']\nvifguard = [ 'dhcp=on,dhcp=off' ]",
    /^web.cfg:2:23: vifguard key "dhcp" stands twice in one entry$/,
  ],
  ["vif=['']\nvifguard = [ 'ip=any 192.0.2.1' ]", /^web.cfg:2:18: "any" stands beside addresses/],
  ["vif=['']\nvifguard = [ 'ip=192.0.2.300' ]", /^web.cfg:2:18: "192.0.2.300" is not an IP address/],
  ["vif=['']\nvifguard = [ 'mac=ff:ff:ff:ff:ff:ff' ]", /^web.cfg:2:19: MAC address .* is a group address/],
  ["vif=['']\nvifguard = [ 'role=vrrp' ]", /^web.cfg:2:20: "vrrp" is none of router, dhcp-server$/],
  ["vif=['']\nvifguard = [ 'vrrp=0 192.0.2.1' ]", /^web.cfg:2:20: "0" is not a VRID/],
  ["vif=['']\nvifguard = [ 'vrrp=256 192.0.2.1' ]", /^web.cfg:2:20: "256" is not a VRID/],
  [
    "vif=['']\nvifguard = [ 'vrrp=5' ]",
    /^web.cfg:2:20: virtual router 5 has no address; write vrrp=5 ADDRESS/,
  ],
  [
    "vif=['']\nvifguard = [ 'vrrp=5 192.0.2.0/24' ]",
    /^web.cfg:2:20: virtual address "192.0.2.0\/24" is a prefix/,
  ],
  [
    "vif=['']\nvifguard = 'dhcp=on'",
    /^web.cfg:2:12: vifguard is a single value; write one text for each vif/,
  ],
  ["vif=['']\nvifguard = [ ['dhcp=on'] ]", /^web.cfg:2:14: vifguard holds a list in a list/],
  ["vif=['',\n'']\n #ipv6=2001:db8::1", /^web.cfg:3:2: #ipv6= does not say for which of the domain's 2 vifs/],
  ["vif=['']\n#ipv6=192.0.2.1", /^web.cfg:2:1: "192.0.2.1" is no IPv6 address/],
  ["vif=['']\n#ipv6=", /^web.cfg:2:1: "" is not an IP address/],
  ["vif=['']\n#ipv6=ff02::1", /^web.cfg:2:1: "ff02::1" reaches into ff00::\/8, multicast addresses/],
];

for (const [text, message] of refused) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => read(text), { instanceOf: ConfigError });
    t.regex(error.message, message);
  });
}

test('an entry of many keys takes linear time', (t) => {
  const start = process.cpuUsage();
  const { virtualRouters } = readEntry(Array.from({ length: 50_000 }, () => 'vrrp=1 192.0.2.1').join(','));
  t.is(virtualRouters?.length, 50_000);
  t.true(process.cpuUsage(start).user < 4_000_000);
});
