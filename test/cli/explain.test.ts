import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Explanation } from '../../src/cli/explanation.ts';
import { run } from '../../src/cli/program.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import { pcapOf } from '../fuzz/pcap.ts';
import { startLab } from '../lab/lab.ts';
import { guardedGuest, useDomainConfigs, vifguard } from './vifguard.ts';

/** Runs `vifguard explain` in this process, with what it prints in text. */
async function explain(...args: readonly string[]) {
  const printed = { stdout: '', stderr: '' };
  const terminal = (stream: 'stdout' | 'stderr') =>
    openTerminal({
      write: (text) => {
        printed[stream] += text;
      },
    });
  const code = await run(['explain', ...args], { stdout: terminal('stdout'), stderr: terminal('stderr') });
  return { code, ...printed };
}

function explanations(stdout: string): Explanation[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Explanation);
}

async function directoryOf(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-explain-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

const MAC = '00:16:3e:00:01:00';
const SPEC = `mac=${MAC},bridge=xenbr0,ip=192.0.2.43 2001:db8::43`;

/** A config of one vif, with this spec and this entry of vifguard, if any. */
function configOf({ spec = SPEC, entry }: { spec?: string; entry?: string } = {}): string {
  const lines = ['name = "web1"', `vif = [ '${spec}' ]`];
  return `${[...lines, ...(entry === undefined ? [] : [`vifguard = [ '${entry}' ]`])].join('\n')}\n`;
}

interface Case {
  readonly frame: string;
  readonly args?: readonly string[];
  readonly config?: Parameters<typeof configOf>[0];
  readonly reason: string;
  /** Without the file's name in front. */
  readonly changes: readonly string[];
  /** The config with these changes: the frame passes then. */
  readonly changed: Parameters<typeof configOf>[0];
}

const RA = 'icmp6 ra from fe80::216:3eff:fe00:100';

/** What is dropped, what would have to change, and that it is enough. */
const CASES: readonly Case[] = [
  {
    frame: 'arp who-has 192.0.2.1 tell 192.0.2.99',
    reason: 'arp-spoof',
    changes: ['2:46: add 192.0.2.99 to ip='],
    changed: { spec: `${SPEC} 192.0.2.99` },
  },
  {
    frame: 'udp 192.0.2.43:1 > 192.0.2.1:2',
    config: { spec: `mac=${MAC}` },
    reason: 'ipv4-spoof',
    changes: ['2:9: add ip=192.0.2.43 to the spec of vif 0'],
    changed: { spec: `mac=${MAC},ip=192.0.2.43` },
  },
  {
    frame: 'udp 192.0.2.43:1 > 192.0.2.1:2',
    config: { spec: `mac=${MAC}`, entry: 'dhcp=off,ip=192.0.2.44' },
    reason: 'ipv4-spoof',
    changes: ['3:24: add 192.0.2.43 to ip='],
    changed: { spec: `mac=${MAC}`, entry: 'dhcp=off,ip=192.0.2.44 192.0.2.43' },
  },
  {
    frame: '00:16:3e:00:00:99 > 02:00:00:00:00:01, udp 192.0.2.99:67 > 192.0.2.1:68',
    config: { entry: 'dhcp=on' },
    reason: 'mac-spoof',
    changes: [
      '2:46: add 192.0.2.99 to ip=',
      '3:14: add mac=00:16:3e:00:00:99 to the vifguard entry of vif 0',
      '3:14: add role=dhcp-server to the vifguard entry of vif 0',
    ],
    changed: { spec: `${SPEC} 192.0.2.99`, entry: 'dhcp=on,mac=00:16:3e:00:00:99,role=dhcp-server' },
  },
  {
    frame: RA,
    reason: 'router-advert',
    changes: ["2:9: give vif 0 an entry vifguard = [ 'role=router' ]"],
    changed: { entry: 'role=router' },
  },
  {
    frame: RA,
    config: { entry: 'role=dhcp-server' },
    reason: 'router-advert',
    changes: ['3:15: add router to role='],
    changed: { entry: 'role=dhcp-server router' },
  },
  {
    frame: '00:00:5e:00:01:33 > 01:00:5e:00:00:12, ip vrrp 192.0.2.43 > 224.0.0.18',
    config: { entry: 'vrrp=7 192.0.2.7' },
    reason: 'mac-spoof',
    changes: ['3:14: add vrrp=51 ADDRESS to the vifguard entry of vif 0'],
    changed: { entry: 'vrrp=7 192.0.2.7,vrrp=51 192.0.2.51' },
  },
  {
    frame: 'icmp6 echo-request fe80::99 > ff02::1',
    reason: 'ipv6-spoof',
    changes: ['2:46: add fe80::99 to ip='],
    changed: { spec: `${SPEC} fe80::99` },
  },
  {
    frame: 'icmp6 echo-request fe80::216:3eff:fe00:100 > ff02::1',
    config: { entry: 'link-local=listed' },
    reason: 'ipv6-spoof',
    changes: ['3:15: link-local=eui64 in place of "link-local=listed"'],
    changed: { entry: 'link-local=eui64' },
  },
  {
    frame: 'icmp6 na 2001:db8::1 from 2001:db8::99',
    reason: 'ipv6-spoof',
    changes: ['2:46: add 2001:db8::99 to ip=', '2:46: add 2001:db8::1 to ip='],
    changed: { spec: `${SPEC} 2001:db8::99 2001:db8::1` },
  },
  {
    frame: 'udp 192.0.2.43:68 > 192.0.2.1:67',
    config: { entry: 'dhcp=off' },
    reason: 'dhcp-client',
    changes: ['3:15: dhcp=on in place of "dhcp=off"'],
    changed: { entry: 'dhcp=on' },
  },
  {
    frame: 'tcp 192.0.2.43:1024 > 192.0.2.1:22',
    args: ['--to', 'dom0'],
    config: { entry: 'dom0=icmp' },
    reason: 'dom0-access',
    changes: ['3:15: dom0=allow in place of "dom0=icmp"'],
    changed: { entry: 'dom0=allow' },
  },
  {
    frame: 'udp 192.0.2.43:1 > 192.0.2.1:2',
    args: ['--to', 'uplink'],
    config: { entry: 'mode=disabled' },
    reason: 'disabled',
    changes: ['3:15: mode=locked in place of "mode=disabled"'],
    changed: { entry: 'mode=locked' },
  },
  {
    frame: 'udp 0.0.0.0:68 > 255.255.255.255:67',
    config: { spec: `mac=${MAC}`, entry: 'peers=open' },
    reason: 'unspecified-source',
    changes: ['2:9: add ip=any to the spec of vif 0'],
    changed: { spec: `mac=${MAC},ip=any`, entry: 'peers=open' },
  },
  {
    frame: 'icmp6 200 2001:db8::43 > 2001:db8::1',
    reason: 'icmpv6-type',
    changes: ["2:9: give vif 0 an entry vifguard = [ 'mode=unlocked' ]"],
    changed: { entry: 'mode=unlocked' },
  },
  {
    frame: 'udp 198.51.100.1:1 > 192.0.2.44:2',
    args: ['--from', 'uplink'],
    reason: 'not-for-guest',
    changes: ['2:46: add 192.0.2.44 to ip='],
    changed: { spec: `${SPEC} 192.0.2.44` },
  },
  {
    frame: '02:00:00:00:00:01 > 00:16:3e:00:00:99, udp 192.0.2.1:1 > 192.0.2.43:2',
    args: ['--from', 'dom0'],
    reason: 'not-addressed',
    changes: ["2:9: give vif 0 an entry vifguard = [ 'mac=00:16:3e:00:00:99' ]"],
    changed: { entry: 'mac=00:16:3e:00:00:99' },
  },
];

for (const { frame, args = [], config, reason, changes, changed } of CASES) {
  test(`${reason}: ${frame}: ${changes.join('; ')}`, async (t) => {
    const file = join(await directoryOf(t), 'web1.cfg');
    await writeFile(file, configOf(config));
    const dropped = await explain('--config', file, '--json', ...args, frame);
    t.is(dropped.code, 1, dropped.stderr);
    const [explanation] = explanations(dropped.stdout);
    t.is(explanation?.verdict, 'drop');
    t.is(explanation?.reason, reason);
    t.deepEqual(
      explanation?.changes.map(({ where, write }) => `${where}: ${write}`),
      changes.map((change) => `${file}:${change}`),
    );
    await writeFile(file, configOf(changed));
    const passed = await explain('--config', file, '--json', ...args, frame);
    t.is(passed.code, 0, passed.stdout + passed.stderr);
    t.is(explanations(passed.stdout)[0]?.verdict, 'accept');
  });
}

test('what passes is accepted, in words', async (t) => {
  const file = join(await directoryOf(t), 'web1.cfg');
  await writeFile(file, configOf());
  const { code, stdout, stderr } = await explain(
    '--config',
    file,
    'arp',
    'who-has',
    '192.0.2.1',
    'tell',
    '192.0.2.43',
  );
  t.is(code, 0);
  t.is(stderr, '');
  const words = [
    `frame     ${MAC} > ff:ff:ff:ff:ff:ff, arp who-has 192.0.2.1 tell 192.0.2.43`,
    'way       vif 0 of web1.cfg -> bridge',
    'verdict   accept',
  ];
  t.is(stdout, `${words.join('\n')}\n`);
});

test('a drop has stage, reason and what to change, in words; a discard the kernel’s reason', async (t) => {
  const file = join(await directoryOf(t), 'web1.cfg');
  await writeFile(file, configOf());
  const dropped = await explain('--config', file, RA);
  t.is(dropped.code, 1);
  t.regex(dropped.stdout, /^verdict {3}drop at vif 0 of web1\.cfg$/m);
  t.regex(dropped.stdout, /^stage {5}network-roles$/m);
  t.regex(dropped.stdout, /^reason {4}router-advert: a router advertisement, without the role router$/m);
  t.regex(
    dropped.stdout,
    /^to pass {3}\S+web1\.cfg:2:9: give vif 0 an entry vifguard = \[ 'role=router' \]$/m,
  );
  const hex = `02:00:00:00:00:01 ${MAC} 86dd 6000`;
  const discarded = await explain('--config', file, '--from', 'uplink', '--hex', hex);
  t.is(discarded.code, 1);
  t.regex(discarded.stdout, /^verdict {3}discard at vif 0 of web1\.cfg$/m);
  t.regex(discarded.stdout, /^reason {4}ipv6-header: br_netfilter takes no IPv6 packet/m);
  t.regex(discarded.stdout, /^to pass {3}no setting lets it pass$/m);
});

test('of a capture each frame has a line, and each reason its first frame in full', async (t) => {
  const directory = await directoryOf(t);
  const file = join(directory, 'web1.cfg');
  await writeFile(file, configOf());
  const udp = (source: string, data: number) =>
    Buffer.from(
      `020000000001 00163e000100 0800 4500${(28 + data).toString(16).padStart(4, '0')} 00000000 40110000 ${source} c0000201 00010002 00080000`
        .replaceAll(' ', '')
        .concat('00'.repeat(data)),
      'hex',
    );
  const pcap = join(directory, 'web1.pcap');
  const frames = [udp('c000022b', 0), udp('c0000263', 0), udp('c0000264', 1000), Buffer.alloc(9)];
  await writeFile(pcap, pcapOf(frames));
  const { code, stdout } = await explain('--config', file, '--pcap', pcap);
  t.is(code, 1);
  t.regex(
    stdout,
    /^ {5}1 {2}accept +00:16:3e:00:01:00 > 02:00:00:00:00:01, udp 192\.0\.2\.43:1 > 192\.0\.2\.1:2$/m,
  );
  t.regex(stdout, /^ {5}2 {2}drop ipv4-spoof +.*, udp 192\.0\.2\.99:1 /m);
  t.regex(stdout, /^ {5}4 {2}discard ethernet-header +shorter than an Ethernet header$/m);
  t.regex(stdout, /^ipv4-spoof: 2 frames, the first is 2$/m);
  t.regex(stdout, /:2:46: add 192\.0\.2\.99 to ip=$/m);
  t.notRegex(stdout, /add 192\.0\.2\.100/);
  t.regex(stdout, /\n4 frames: 1 accepted, 3 not\n$/);
  await writeFile(pcap, pcapOf([]));
  t.regex((await explain('--config', file, '--pcap', pcap)).stderr, /web1\.pcap" holds no frame\n$/);
  await writeFile(pcap, pcapOf(frames).subarray(0, -1));
  const cut = await explain('--config', file, '--pcap', pcap);
  t.is(cut.code, 2);
  t.regex(cut.stdout, /\n3 frames: 1 accepted, 2 not\n$/);
  t.regex(cut.stderr, /^vifguard: ".*web1\.pcap" ends within a frame; what came before it was read\n$/);
  await writeFile(pcap, pcapOf(frames));
  const json = await explain('--config', file, '--pcap', pcap, '--json');
  t.deepEqual(
    explanations(json.stdout).map(({ number, verdict }) => `${number} ${verdict}`),
    ['1 accept', '2 drop', '3 drop', '4 discard'],
  );
});

test('a frame that the capture has cut short is judged by its whole length, and it says so', async (t) => {
  const directory = await directoryOf(t);
  const file = join(directory, 'web1.cfg');
  await writeFile(file, configOf());
  const header = '020000000001 00163e000100 86dd 60000000 0400 1140';
  const addresses = '20010db8000000000000000000000043 20010db8000000000000000000000001';
  const whole = Buffer.concat([
    Buffer.from(`${header}${addresses}00010002 04000000`.replaceAll(' ', ''), 'hex'),
    Buffer.alloc(1016),
  ]);
  const pcap = Buffer.from(pcapOf([whole]));
  const cut = pcap.subarray(0, 24 + 16 + 62);
  cut.writeUInt32LE(62, 24 + 8);
  const name = join(directory, 'web1.pcap');
  await writeFile(name, cut);
  const { code, stdout } = await explain('--config', file, '--pcap', name, '--json');
  const [explanation] = explanations(stdout);
  t.is(explanation?.captured, 62);
  t.is(explanation?.length, whole.length);
  t.is(explanation?.verdict, 'accept');
  t.is(code, 0);
  const foreign = Buffer.from(cut);
  foreign.writeUInt8(0x44, 24 + 16 + 37);
  await writeFile(name, foreign);
  const dropped = await explain('--config', file, '--pcap', name);
  t.regex(dropped.stdout, /^captured {2}62 of 1078 octets; the rest is taken for zeros$/m);
});

const WRONG: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [[], /^vifguard: which VIF\? Name a port or domain, or a file with --config/],
  [['--config', 'FILE'], /^vifguard: which frame\? Give it in words, or with --hex, or a file/],
  [
    ['--config', 'FILE', '--hex', 'ff', RA],
    /^vifguard: which frame, that of the words or that of --hex\? Give one of them/,
  ],
  [
    ['--config', 'FILE', '--hex', 'ff', '--pcap', 'x'],
    /^vifguard: which frame, that of --hex or that of --pcap\?/,
  ],
  [['--config', 'FILE', '--hex', 'abc'], /^vifguard: --hex "abc" is not octets in hex/],
  [['--config', 'FILE', '--vif', '1', RA], /web1\.cfg: there is no vif 1; they count from 0, and it has 1/],
  [['--config', 'FILE', '--vif', 'one', RA], /^vifguard: --vif "one" is not a vif's number/],
  [['--config', '/nonexistent.cfg', RA], /^vifguard: \/nonexistent\.cfg: there is no such file/],
  [['--config', 'FILE', '--from', 'uplink', '--to', 'dom0', RA], /cannot be used with/],
  [['--config', 'FILE', '--pcap', 'FILE'], /^vifguard: ".*web1\.cfg" is no pcap or pcapng file/],
  [['--config', 'FILE', 'gibberish'], /^vifguard: "gibberish" is not a frame in words/],
];

for (const [args, message] of WRONG) {
  test(`explain ${args.join(' ')} is wrong usage`, async (t) => {
    const file = join(await directoryOf(t), 'web1.cfg');
    await writeFile(file, configOf());
    const { code, stdout, stderr } = await explain(...args.map((arg) => (arg === 'FILE' ? file : arg)));
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, message);
  });
}

test('a bad address in the config is an error with its place', async (t) => {
  const file = join(await directoryOf(t), 'web1.cfg');
  await writeFile(file, configOf({ spec: 'ip=192.0.2.300' }));
  const { code, stderr } = await explain('--config', file, RA);
  t.is(code, 2);
  t.regex(stderr, /web1\.cfg:2:9: vif 0\/ip: "192\.0\.2\.300" is not an IP address/);
});

test('a running guest is judged by what is guarded, and its config or xenstore has the line', async (t) => {
  const lab = await startLab(t);
  await useDomainConfigs(lab);
  await guardedGuest(lab, { domid: 1, name: 'web1' }, 'ip=192.0.2.41');
  await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
  const json = async (...args: readonly string[]) => {
    const { stdout, stderr } = await vifguard(lab, ['explain', ...args, '--json']);
    t.is(stderr, '');
    return explanations(stdout)[0];
  };
  const passed = await json('web1', 'udp 192.0.2.41:1 > 192.0.2.1:2');
  t.is(passed?.verdict, 'accept');
  t.is(passed?.from, 'web1 (vif1.0)');
  const spoofed = await json('vif1.0', 'arp who-has 192.0.2.1 tell 192.0.2.42');
  t.is(spoofed?.reason, 'arp-spoof');
  t.deepEqual(
    spoofed?.changes.map(({ where, write }) => `${where}: ${write}`),
    [`${lab.dir}/web1.cfg:3:15: add 192.0.2.42 to ip=`],
  );
  const withoutConfig = await json('web2', 'arp who-has 192.0.2.1 tell 192.0.2.41');
  t.deepEqual(
    withoutConfig?.changes.map(({ where }) => where),
    ['xenstore backend/vif/2/0/ip'],
  );
  const between = await json('web1', '--from', 'web2', 'udp 192.0.2.42:1 > 192.0.2.41:2');
  t.deepEqual(
    [between?.from, between?.to, between?.reason, between?.port],
    ['web2 (vif2.0)', 'web1 (vif1.0)', 'isolated', 'web1 (vif1.0)'],
  );
  const posing = await json('web1', '--from', 'web2', 'udp 192.0.2.1:1 > 192.0.2.41:2');
  t.deepEqual([posing?.reason, posing?.port], ['ipv4-spoof', 'web2 (vif2.0)']);

  await lab.dom0.namespace.run('bridge', ['link', 'set', 'dev', 'vif2.0', 'locked', 'off']);
  const drifted = await vifguard(lab, ['explain', 'web2', 'udp 192.0.2.42:1 > 192.0.2.1:2']);
  t.is(drifted.exitCode, 0);
  t.regex(drifted.stderr, /^vifguard: vif2\.0 is drifted, so the kernel may judge otherwise/);
});

test('a default of the host is named when the entry would overrule it', async (t) => {
  const lab = await startLab(t, { hostConfig: 'backend = "xtables"\ndhcp = "off"\n' });
  await lab.writeFile('web1.cfg', configOf({ entry: 'peers=open' }));
  const frame = 'udp 192.0.2.43:68 > 192.0.2.1:67';
  const { stdout } = await vifguard(lab, ['explain', '--config', `${lab.dir}/web1.cfg`, '--json', frame]);
  const [explanation] = explanations(stdout);
  t.deepEqual(explanation?.changes, [
    {
      port: 'vif 0 of web1.cfg',
      key: 'dhcp',
      value: 'on',
      where: `${lab.dir}/web1.cfg:3:14`,
      write: 'add dhcp=on to the vifguard entry of vif 0',
      overrules: `${lab.dir}/vif-guard.conf:2:1`,
    },
  ]);
});

/** A datagram of the guest's whose IPv4 header has another version. */
const OTHER_VERSION =
  '020000000001 00163e000100 0800 5500001c 00000000 40110000 c000022b c0000201 0001000200080000';

for (const { backend, verdict } of [
  { backend: 'xtables', verdict: 'accept' },
  { backend: 'nftables', verdict: 'drop' },
] as const) {
  test(`${backend}: explain reads frames as the host's backend does`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.writeFile('web1.cfg', configOf());
    const frame = ['--json', '--hex', OTHER_VERSION];
    const { stdout } = await vifguard(lab, ['explain', '--config', `${lab.dir}/web1.cfg`, ...frame]);
    t.is(explanations(stdout)[0]?.verdict, verdict);
    await guardedGuest(lab, { domid: 1, name: 'web1', mac: MAC, ip: '192.0.2.43' });
    const running = await vifguard(lab, ['explain', 'web1', ...frame]);
    t.is(explanations(running.stdout)[0]?.verdict, verdict);
  });
}
