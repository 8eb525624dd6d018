import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { execa } from 'execa';
import { BACKENDS } from '../../src/backends/names.ts';
import type { PortReport } from '../../src/host/inspection.ts';
import * as f from '../frames/index.ts';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { guardedGuest, useDomainConfigs, vifguard, vifguardJson } from './vifguard.ts';

const MISSING = {
  xtables: /^vifguard: (ebtables|ip6tables)-nft-\w+ is not installed; run "apt install iptables".*$/,
  nftables: /^vifguard: nft is not installed; run "apt install nftables".*$/,
};

const VERBS = [['status'], ['show', 'vif1.0'], ['check'], ['host', 'up'], ['host', 'down']];

for (const backend of BACKENDS) {
  test(`${backend}: status has a row for each port, unguarded ones first, and the same as JSON`, async (t) => {
    const lab = await startLab(t, { backend });
    await useDomainConfigs(lab);
    t.deepEqual(await vifguard(lab, ['status']), {
      exitCode: 0,
      stdout: 'no guest port is on a bridge',
      stderr: '',
    });
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::/64' });
    await guardedGuest(lab, { domid: 2, name: 'off', ip: '192.0.2.42' }, 'mode=disabled');
    await guardedGuest(lab, { domid: 3, name: 'hvm', type: 'vif_ioemu' }, 'ip=any');
    const open = await lab.guest({ domid: 10, name: 'open', vifname: 'side-door' });
    await lab.dom0.namespace.ip(
      `link set ${open.device} name side-door`,
      'link set side-door master xenbr0 up',
    );

    const { ports } = await vifguardJson<{ ports: PortReport[] }>(lab, 'status');
    t.deepEqual(
      ports.map(({ port, state }) => [port, state]),
      [
        ['side-door', 'unguarded'],
        ['vif1.0', 'guarded'],
        ['vif2.0', 'down'],
        ['vif3.0', 'guarded'],
        ['vif3.0-emu', 'guarded'],
      ],
    );
    const [first, second] = ports;
    t.deepEqual(
      { ...second, drops: {} },
      {
        port: 'vif1.0',
        bridge: 'xenbr0',
        kind: 'vif',
        domain: 'web1',
        domid: 1,
        handle: 0,
        mac: '00:16:3e:00:01:00',
        addresses: ['192.0.2.41', '2001:db8:0:ffff::/64'],
        mode: 'locked',
        vlan: null,
        state: 'guarded',
        differences: [],
        drops: {},
      },
    );
    t.deepEqual([first?.domain, first?.domid, first?.mac], ['open', 10, null]);

    const { exitCode, stdout } = await vifguard(lab, ['status']);
    t.is(exitCode, 0);
    const rows = stdout.split('\n');
    t.regex(rows[0] ?? '', /^BRIDGE +PORT +GUEST +MAC +ADDRESSES +MODE +STATE +DROPS$/);
    t.regex(rows[1] ?? '', /^xenbr0 +side-door +open \(10\) +- +- +- +unguarded +-$/);
    t.regex(rows[2] ?? '', /^xenbr0 +vif1\.0 +web1 \(1\) +00:16:3e:00:01:00 +192\.0\.2\.41 +locked +guarded/);
    t.regex(stdout, /^side-door: unguarded: on xenbr0, .*set script=vif-guard/m);
    t.false(stdout.includes('\x1b'), 'no colour in a pipe');
  });
}

for (const backend of BACKENDS) {
  test(`${backend}: status counts drops by their reason`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const dropsOf = async () =>
      (await vifguardJson<{ ports: PortReport[] }>(lab, 'status')).ports[0]?.drops ?? {};
    const before = await dropsOf();
    const datagram = (src: string) =>
      f.ipv4({ src, dst: GATEWAY.ip }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker()));
    const frames = [
      f.ethernet({ src: guest.mac, dst: GATEWAY.mac }, datagram('192.0.2.66')),
      f.ethernet({ src: guest.mac, dst: GATEWAY.mac }, datagram('192.0.2.67')),
      f.ethernet({ src: '00:16:3e:66:66:66', dst: GATEWAY.mac }, datagram('192.0.2.41')),
      f.ethernet({ src: guest.mac, dst: GATEWAY.mac, tags: [{ id: 7 }] }, datagram('192.0.2.41')),
    ];
    t.deepEqual(await guest.arrivals(frames, [lab.gateway]), [[false, false, false, false]]);
    const after = await dropsOf();
    const counted = (reason: 'ipv4-spoof' | 'mac-spoof' | 'vlan-tag') =>
      (after[reason] ?? 0) - (before[reason] ?? 0);
    t.deepEqual([counted('ipv4-spoof'), counted('mac-spoof'), counted('vlan-tag')], [2, 1, 1]);
    t.regex((await vifguard(lab, ['status'])).stdout, /\b2 ipv4-spoof$/m);
    t.regex(
      (await vifguard(lab, ['show', 'web1'])).stdout,
      /^ +2 +ipv4-spoof +the IPv4 source is not the guest/m,
    );
  });
}

test("a guest's name steers no terminal", async (t) => {
  const lab = await startLab(t);
  await guardedGuest(lab, { domid: 1, name: 'a\x1b[2Jb\nc', ip: '192.0.2.41' });
  for (const args of [['status'], ['show', 'vif1.0'], ['check'], ['show', 'a']]) {
    const { stdout, stderr } = await vifguard(lab, args);
    t.false(`${stdout}${stderr}`.includes('\x1b'), args.join(' '));
  }
  t.regex((await vifguard(lab, ['status'])).stdout, / a\?\[2Jb\?c \(1\) /);
});

for (const backend of BACKENDS) {
  test(`${backend}: without xenstored status still answers, and check says what it could not see`, async (t) => {
    const lab = await startLab(t, { backend });
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const env = { XENSTORED_PATH: join(lab.dir, 'no-socket') };
    const status = await vifguard(lab, ['status'], { env });
    t.is(status.exitCode, 0);
    t.regex(status.stdout, /vif1\.0 .* guarded/);
    const check = await vifguard(lab, ['check'], { env });
    t.is(check.exitCode, 1);
    t.regex(check.stdout, /^xenstored: .*no-socket.*; run "systemctl start xenstored"$/);
    t.is((await vifguard(lab, ['host', 'up'], { env })).exitCode, 0);
  });
}

test('a host config that cannot be used is said in one line', async (t) => {
  const lab = await startLab(t, { hostConfig: 'moed = "locked"\n' });
  for (const args of VERBS.filter(([verb, word]) => !(verb === 'host' && word === 'down'))) {
    const { exitCode, stderr } = await vifguard(lab, args);
    t.is(exitCode, 2, args.join(' '));
    t.regex(stderr, /^vifguard: \S+vif-guard\.conf:1:1: unknown setting "moed"; did you mean "mode"\?.*$/);
  }
  t.is((await vifguard(lab, ['host', 'down'])).exitCode, 0);
});

for (const backend of BACKENDS) {
  test(`${backend}: a tool that is missing is named, with the remedy`, async (t) => {
    const lab = await startLab(t, { backend });
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    await lab.dom0.namespace.run('mount', ['-t', 'tmpfs', 'tmpfs', '/usr/sbin']);
    for (const args of VERBS) {
      const { exitCode, stderr } = await vifguard(lab, args);
      t.is(exitCode, 1, args.join(' '));
      t.regex(stderr, MISSING[backend]);
    }
  });
}

test('whoever is not root is told so', async (t) => {
  // A copy that everybody may read and run, as an installed one is.
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-cli-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await chmod(directory, 0o755);
  await execa('cp', ['-r', fileURLToPath(new URL('../../dist', import.meta.url)), directory]);
  const program = join(directory, 'dist', 'vifguard.cjs');
  for (const args of VERBS) {
    const command = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program, ...args];
    const { exitCode, stderr } = await execa('setpriv', command, { reject: false });
    t.is(exitCode, 1, args.join(' '));
    t.regex(stderr, /^vifguard: uid 65534 may read neither .*; run vifguard as root$/);
  }
});
