import test from 'ava';
import fc from 'fast-check';
import { DEFAULT_HOST_CONFIG } from '../../src/config/host-config.ts';
import { lintDomainConfig, lintHostConfig } from '../../src/config/lint.ts';

const { defaults } = DEFAULT_HOST_CONFIG;

function lint(text: string, mode = defaults.mode): string[] {
  const findings = lintDomainConfig({ file: 'web.cfg', text, defaults: { ...defaults, mode } });
  return findings.map(
    ({ file, line, column, severity, message }) => `${file}:${line}:${column} ${severity}: ${message}`,
  );
}

test('a good config has no finding', (t) => {
  const text = `
name = "web"
vif = [ 'mac=00:16:3e:38:b4:ac, bridge=xenbr0, ip=192.0.2.43 2001:db8::60, script=/etc/xen/scripts/vif-guard',
        'mac=0-16-3E-0-0-1,bridge=tenant-a/br0', 'type=ioemu,vifname=web2', '' ]
vifguard = [ 'dhcp=on', 'ip=any', 'mode=unlocked', 'vrrp=1 192.0.2.1' ]`;
  t.deepEqual(lint(text), []);
});

const cases: [text: string, findings: string[]][] = [
  ['vif = [ x ]', ['web.cfg:1:9 error: "x" cannot stand here']],
  [
    "vif = [ 'bridge=xenbr0' ]",
    ['web.cfg:1:9 warning: vif 0 is locked and has no address: it gets no IP at all'],
  ],
  [
    "vif = [ 'ip=192.0.2.300, bridge=br+,mac=ff:ff:ff:ff:ff:ff' ]",
    [
      'web.cfg:1:10 error: "192.0.2.300" is not an IP address or prefix; write 192.0.2.43 or 2001:db8::/64',
      'web.cfg:1:26 error: "br+" is not a usable interface name; take 1 to 15 of A-Z a-z 0-9 _ . - and no "-" in front',
      'web.cfg:1:37 error: MAC address "ff:ff:ff:ff:ff:ff" is a group address; a guest needs a unicast one',
    ],
  ],
  ["vif = [ 'ip=,vlan=10' ]\nvifguard = [ 'vlan=10' ]", []],
  ["vif = [ 'ip=,vifname=web0,mtu=9000' ]", []],
  [
    "vif = [ 'ip=,vifname=web+,mtu=67' ]",
    [
      'web.cfg:1:14 error: "web+" is not a usable interface name; take 1 to 15 of A-Z a-z 0-9 _ . - and no "-" in front',
      'web.cfg:1:27 error: "67" is no MTU; write a number from 68 to 65535',
    ],
  ],
  [
    "vif = [ 'ip=,vlan=10p/20' ]\nvifguard = [ 'vlan=4095' ]",
    [
      'web.cfg:1:14 error: "10p/20" is a trunk, and vif-guard lets no tagged frame through; give the guest a vif for each VLAN',
      'web.cfg:2:20 error: "4095" is no VLAN; its ID is from 1 to 4094',
    ],
  ],
  [
    "vif = [ 'ip=,vlan=10' ]\nvifguard = [ 'vlan=20' ]",
    ['web.cfg:1:14 error: vlan=10, and its vifguard entry says vlan=20'],
  ],
  [
    "vif = [ 'ip=,script=vif-bridge' ]",
    ['web.cfg:1:14 warning: script="vif-bridge" is not vif-guard: this vif comes up unguarded'],
  ],
  ["vif = [ 'ip=' ]\nvifguard = [ 'dhp=on' ]", ['web.cfg:2:15 error: unknown vifguard key "dhp"']],
  [
    "vif = [ 'ip=' ]\nvifguard = [ '', 'mode=x', '' ]",
    [
      'web.cfg:2:18 warning: vifguard has an entry 2, and the domain has 1 vifs',
      'web.cfg:2:24 error: "x" is none of locked, unlocked, disabled',
      'web.cfg:2:28 warning: vifguard has an entry 3, and the domain has 1 vifs',
    ],
  ],
  ["vif = [ 'ip=' ]\nvifguard = 'mode=locked'", ['web.cfg:2:12 error: vifguard is a single value']],
  ["vif = [ 'ip=' ]\nvif_guard = [ '' ]", ['web.cfg:2:1 warning: setting "vif_guard" has no effect']],
  [
    "vif = [ 'ip=' ]\nname = 'a'; name = 'b'\nvif = []\nvif += [ 'ip=' ]\nvif = [ 'ip=' ]",
    [
      'web.cfg:1:1 warning: setting "vif" has no effect: line 3 sets it again',
      'web.cfg:2:1 warning: setting "name" has no effect: line 2 sets it again',
      'web.cfg:4:1 warning: setting "vif" has no effect: line 5 sets it again',
    ],
  ],
  ["vif = 'ip='", ['web.cfg:1:7 warning: vif is a single value, which xl takes for no vif at all']],
  ["vif = [ '' ]\n#ipv6=2001:db8::1", ['web.cfg:2:1 warning: #ipv6= is the form of 2008']],
  [
    "vif = [ 'ip=', 'ip=' ]\n#ipv6=2001:db8::1",
    ["web.cfg:2:1 error: #ipv6= does not say for which of the domain's 2 vifs it is"],
  ],
  ['#ipv6=2001:db8::1', ['web.cfg:1:1 warning: #ipv6= has no effect: the domain has no vif']],
];

for (const [text, findings] of cases) {
  test(`finds in ${JSON.stringify(text)} what is wrong`, (t) => {
    t.deepEqual(lint(text), findings);
  });
}

test('the default mode decides whether an address is missed', (t) => {
  t.deepEqual(lint("vif = [ '' ]", 'unlocked'), []);
  t.is(lint("vif = [ '' ]\nvifguard = [ 'mode=locked' ]", 'unlocked').length, 1);
});

test('finds every bad setting of a host config', (t) => {
  const findings = lintHostConfig('conf', 'mode = "x"\ndhcp = "on"\nmodes = 1');
  t.deepEqual(
    findings.map(({ line, column, message }) => [line, column, message]),
    [
      [1, 8, '"x" is none of locked, unlocked, disabled'],
      [3, 1, 'unknown setting "modes"'],
    ],
  );
  t.regex(findings[1]?.advice ?? '', /^did you mean "mode"\?/);
  t.deepEqual(lintHostConfig('conf', ''), []);
});

test('of a setting that a host config has twice, both lines are said', (t) => {
  const findings = lintHostConfig('conf', 'backend = "nftables"\nmode = "x"\nbackend = "xtables"');
  t.deepEqual(
    findings.map(({ line, column, severity, message }) => [line, column, severity, message]),
    [
      [1, 1, 'warning', 'setting "backend" has no effect: line 3 sets it again'],
      [2, 8, 'error', '"x" is none of locked, unlocked, disabled'],
    ],
  );
});

test('no text breaks it', (t) => {
  const word = fc.constantFrom(
    ...'vif,vifguard,=,+=,[,],\',",\n,#ipv6=,ip=,mac=,any,192.0.2.1,mode=,1,;,x'.split(','),
    ',',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      lintDomainConfig({ file: 'f', text: words.join(''), defaults });
      lintHostConfig('f', words.join(''));
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
