import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import packageJson from '../../package.json' with { type: 'json' };
import type { BackendName } from '../../src/backends/names.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { buildXen, XEN_ROOT } from '../lab/xenstored.ts';
import { baseTree, type Release } from './base-tree.ts';
import { DebianDom0 } from './debian-dom0.ts';
import { builtPackage, controlField, dependencies, olderPackage } from './package.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WEB = { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' };

interface BareOptions {
  /** Packages beside those that the package depends on; none by default. */
  readonly packages?: readonly string[];
  readonly prepare?: (lab: Lab) => Promise<void>;
}

/** Bare, with what the package depends on and no more. */
async function startBare(
  t: ExecutionContext,
  release: Release,
  { packages = [], prepare }: BareOptions = {},
): Promise<{ dom0: DebianDom0; deb: string }> {
  const deb = await builtPackage();
  const base = await baseTree(release, [...(await dependencies(deb)), ...packages]);
  return { dom0: await DebianDom0.start(t, base, prepare), deb };
}

interface Forbidden {
  readonly frame: f.Bytes;
  readonly mark: f.Bytes;
}

/** What a guest may not send: of another MAC, of another address, and in another's role. */
function forbidden({ mac }: Guest): Forbidden[] {
  const from = (src: string, dst: string, payload: (mark: f.Bytes) => f.NetworkLayer): Forbidden => {
    const mark = f.marker();
    return { mark, frame: f.ethernet({ src, dst }, payload(mark)) };
  };
  const datagram = (src: string, dst: string) => (mark: f.Bytes) =>
    f.ipv4({ src, dst }, f.udp({ srcPort: 9, dstPort: 9 }, mark));
  return [
    from('00:16:3e:66:66:66', GATEWAY.mac, datagram('192.0.2.41', GATEWAY.ip)),
    from(mac, DOM0.mac, datagram('192.0.2.66', DOM0.ip)),
    from(mac, f.BROADCAST, datagram('192.0.2.66', '192.0.2.255')),
    from(mac, f.multicastMac('ff02::1'), (mark) =>
      f.ipv6({ src: '2001:db8::66', dst: 'ff02::1' }, f.icmpv6EchoReply(mark)),
    ),
  ];
}

const FRAMES_AT_MOST = 20_000;
const FRAMES_AT_ONCE = 20;

interface Passage {
  /** How many forbidden frames the guest sent, and how many of them arrived at the gateway or at dom0. */
  readonly sent: number;
  readonly leaked: number;
  /** How many echo requests were sent to the gateway all the while, in series, and how many series failed. */
  readonly series: number;
  readonly failed: number;
}

/** As far as it has come. */
type Progress = () => Pick<Passage, 'sent' | 'series'>;

/** Long enough to show something. */
async function awhile(progress: Progress): Promise<void> {
  await poll('the sending of frames', () => progress().sent >= 200 && progress().series > 1, 30_000);
}

/** What passes while `action` goes on. @throws when the frames do not last until its end */
async function passing(guest: Guest, action: (progress: Progress) => Promise<unknown>): Promise<Passage> {
  const { lab, nic } = guest;
  const all = forbidden(guest);
  const marks = all.map(({ mark }) => mark);
  const counters = await Promise.all([lab.gateway.nic.count(...marks), lab.dom0.nic.count(...marks)]);
  const injector = await nic.injector();
  const burst = Array.from({ length: FRAMES_AT_ONCE }, (_, i) => all[i % all.length]?.frame as f.Bytes);
  let isBusy = true;
  let [sent, series, failed] = [0, 0, 0];
  const flood = async () => {
    while (isBusy && sent < FRAMES_AT_MOST) {
      const answers = await injector.sendAll(burst);
      sent += answers.filter((answer) => answer === 'sent').length;
      await sleep(25);
    }
  };
  const pings = async () => {
    while (isBusy) {
      series += 1;
      if (!(await ping(guest, GATEWAY.ip, { count: 5 }))) failed += 1;
    }
  };
  const senders = Promise.all([flood(), pings()]);
  await action(() => ({ sent, series }));
  const isExhausted = sent >= FRAMES_AT_MOST;
  isBusy = false;
  await senders;
  if (isExhausted) throw new Error(`${sent} frames were sent before the end`);
  const counts = await Promise.all(counters.map((counter) => counter.stop()));
  return { sent, leaked: counts.flat().reduce((sum, count) => sum + count, 0), series, failed };
}

/** The same guest, and whether what it sends while nothing guards it arrives: else no test would mean anything. */
async function provenGuest(t: ExecutionContext, dom0: DebianDom0): Promise<Guest> {
  const guest = await dom0.lab.guest(WEB);
  await guest.onlineUnguarded();
  const { sent, leaked } = await passing(guest, awhile);
  t.true(leaked > sent / 2, `unguarded, ${leaked} of ${sent} arrive`);
  await guest.unplug();
  return guest;
}

/** @throws when the installed script fails, or lawful traffic does */
async function attach(t: ExecutionContext, guest: Guest): Promise<void> {
  const { exitCode, hotplugError, stderr } = await guest.online();
  t.is(exitCode, 0, hotplugError ?? stderr);
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  t.true(await ping(guest, GATEWAY.ip6));
}

async function expectGuarded(t: ExecutionContext, guest: Guest): Promise<void> {
  const { leaked, failed } = await passing(guest, awhile);
  t.deepEqual({ leaked, failed }, { leaked: 0, failed: 0 });
}

/** The tools make tables when they first write to them, and leave them empty. */
async function makeEmptyTables(dom0: DebianDom0): Promise<void> {
  const ebtables = ['ebtables-nft -t nat', 'ebtables-nft -t filter'];
  const chains = [...ebtables, 'ip6tables-nft -t raw', 'ip6tables-nft', 'iptables-nft -t raw'];
  await dom0.sh(chains.map((command) => `${command} -N mine; ${command} -X mine`).join('\n'));
}

test.serial('lintian has nothing to say that is not answered in an override', async (t) => {
  const changes = fileURLToPath(new URL('../../build/deb/vifguard.changes', import.meta.url));
  const { stdout } = await execa('lintian', ['--allow-root', '--fail-on', 'error,warning', changes]);
  t.is(stdout, '');
});

test.serial('the package says what it is, and once built is built the same again', async (t) => {
  const deb = await builtPackage();
  t.is(await controlField(deb, 'Version'), packageJson.version);
  const before = readFileSync(deb);
  await execa('make', ['deb'], { cwd: ROOT });
  t.true(before.equals(readFileSync(deb)));
  const { stdout } = await execa('dpkg-deb', ['--contents', deb]);
  const files = stdout.split('\n').filter((line) => line.startsWith('-'));
  t.deepEqual(
    files.filter((line) => /\.cache$|\/vifguard\/src\/|node_modules/.test(line)),
    [],
  );
});

test.serial('the copyright file has every package that is in the bundles, with its licence', async (t) => {
  const spdx: Readonly<Record<string, string>> = { Expat: 'MIT', 'LGPL-2.1': 'LGPL 2.1' };
  const stanzas = readFileSync(`${ROOT}/debian/copyright`, 'utf8').split('\n\n');
  const listed = stanzas.flatMap((stanza) => {
    const [, licence = ''] = /^License: (.*)$/m.exec(stanza) ?? [];
    return [...stanza.matchAll(/node_modules\/(\S+)\/\*/g)].map(
      ([, name]) => `${name}: ${spdx[licence] ?? licence}`,
    );
  });
  const inside = readFileSync(`${ROOT}/dist/LICENSES.txt`, 'utf8').matchAll(/^==== (\S+) \S+(: .*)$/gm);
  t.deepEqual(
    listed.sort(),
    [...new Set([...inside].map(([, name, licence]) => `${name}${licence}`))].sort(),
  );
});

for (const release of ['bookworm', 'trixie'] as const) {
  test.serial(`${release}: piuparts finds nothing that stays behind`, async (t) => {
    const deb = await builtPackage();
    const base = await baseTree(release, await dependencies(deb));
    const options = [`--existing-chroot=${base}`, `--distribution=${release}`, '--log-level=error'];
    // That directory is apt's, since version 3, whatever is installed.
    const ignored = ['--ignore=/var/cache/debconf/tmp.ci/'];
    await t.notThrowsAsync(execa('unshare', ['--mount', 'piuparts', ...options, ...ignored, deb]));
  });

  test.serial(`${release}: install, guard a guest, remove, purge: nothing is left`, async (t) => {
    const { dom0, deb } = await startBare(t, release);
    const { lab } = dom0;
    await makeEmptyTables(dom0);
    const guest = await provenGuest(t, dom0);
    const [files, residue] = [await dom0.files(), await lab.residue()];

    t.notRegex(await dom0.install(deb), /warning|error|cannot/i);
    t.is(await dom0.run('vifguard', '--version'), await controlField(deb, 'Version'));
    t.is(await dom0.sh('dpkg --verify vifguard; dpkg --audit'), '');
    const caches = 'ls /usr/lib/vifguard/dist/ | grep -c "[.]cache$"';
    t.is(await dom0.sh(caches), '2', 'a code cache of each program for this node');
    await dom0.sh('rm /usr/lib/vifguard/dist/*.cache; dpkg-trigger --by-package=nodejs /usr/bin/node');
    await dom0.sh('dpkg --triggers-only --pending');
    t.is(await dom0.sh(caches), '2', 'and of the next one');
    await dom0.sh('vifguard lint /usr/share/doc/vifguard/examples/*.cfg /etc/xen/vif-guard.conf');
    await dom0.sh('test -L /etc/systemd/system/multi-user.target.wants/vifguard.service');
    await dom0.sh('bash -n /usr/share/bash-completion/completions/vifguard');
    t.regex(await dom0.sh('vifguard doctor || true'), /^ok {4}\/etc\/xen\/scripts\/vif-guard: /m);

    await attach(t, guest);
    await expectGuarded(t, guest);
    t.regex(await dom0.run('vifguard', 'check'), /^all well: 1 port/);
    t.is((await guest.offline()).exitCode, 0);
    await guest.forget();

    await dom0.sh('vifguard host up; echo "# mine" >>/etc/xen/vif-guard.conf');
    const removed = await dom0.remove('remove');
    t.regex(removed, /^everything of vifguard is out of the kernel$/m);
    t.false(removed.includes('stay guarded'), removed);
    await dom0.sh('grep -q mine /etc/xen/vif-guard.conf');
    await dom0.remove('purge');
    t.deepEqual(difference(files, await dom0.files()), []);
    const after = await lab.residue();
    for (const kind of ['ebtables', 'ip6tables', 'links', 'fdb', 'state files']) {
      t.deepEqual(after[kind], residue[kind], kind);
    }
  });
}

const upgrades: [release: Release, backend: BackendName, packages: readonly string[]][] = [
  ['bookworm', 'xtables', []],
  ['bookworm', 'nftables', ['nftables']],
  ['trixie', 'xtables', []],
];

for (const [release, backend, packages] of upgrades) {
  test.serial(`${release}, ${backend}: an upgrade lets nothing through and holds nothing up`, async (t) => {
    const { dom0, deb } = await startBare(t, release, { packages });
    const older = await olderPackage(deb, dom0.lab.dir);
    const guest = await provenGuest(t, dom0);
    await dom0.install(older);
    await dom0.sh(`echo 'backend = "${backend}"' >>/etc/xen/vif-guard.conf`);
    await attach(t, guest);
    const other = await dom0.lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' });
    t.is((await other.online()).exitCode, 0);
    const ruleset = () => dom0.lab.dom0.namespace.run('nft', ['list', 'ruleset']);
    t.regex(await ruleset(), /ipv4-fraud/);
    // Beside the filters, which the new version makes otherwise, something of the bridge's differs.
    await dom0.lab.dom0.namespace.run('bridge', ['link', 'set', 'dev', 'vif2.0', 'isolated', 'off']);
    t.regex((await dom0.try('vifguard', 'check')).stdout, /^vif2\.0: .*isolated/m);

    t.true((await dom0.sh('cat /run/vifguard/net-*/host.json')).includes(`"backend":"${backend}"`));
    const third = await dom0.lab.guest({ domid: 3, name: 'web3', ip: '192.0.2.43' });
    let isUpgrading = true;
    let cycles = 0;
    const comeAndGo = async () => {
      for (; isUpgrading; cycles++) {
        t.is((await third.online()).exitCode, 0);
        t.is((await third.offline()).exitCode, 0);
      }
    };
    const upgrade = await passing(guest, async () => {
      const cycling = comeAndGo();
      await dom0.install(deb);
      isUpgrading = false;
      await cycling;
    });
    t.true(cycles > 1);
    t.log(upgrade);
    t.is(upgrade.leaked, 0);
    t.is(upgrade.failed, 0);
    t.true(upgrade.sent >= 400);
    t.true(upgrade.series > 1);
    t.is(await dom0.sh(`dpkg-query -W -f '\${Version}' vifguard`), await controlField(deb, 'Version'));
    t.regex(await dom0.run('vifguard', 'check'), /^all well: 2 ports/);
    t.notRegex(await ruleset(), /ipv4-fraud/);
    t.is((await guest.offline()).exitCode, 0);
    await attach(t, guest);
    await expectGuarded(t, guest);
  });
}

test.serial(
  'a host config that has gone bad does not keep an upgrade up, nor a guest unguarded',
  async (t) => {
    const { dom0, deb } = await startBare(t, 'bookworm');
    const older = await olderPackage(deb, dom0.lab.dir);
    const guest = await provenGuest(t, dom0);
    await dom0.install(older);
    await attach(t, guest);
    await dom0.sh('echo "mode = open" >>/etc/xen/vif-guard.conf');
    const said = await dom0.install(deb);
    t.regex(said, /^vifguard: \/etc\/xen\/vif-guard\.conf:\d+:\d+: /m);
    t.regex(said, /^vifguard: the guests stay guarded as they were; run "vifguard host up"/m);
    await expectGuarded(t, guest);
  },
);

test.serial(
  'removed and purged with a guest attached, it stays guarded; reinstalled, it is known again',
  async (t) => {
    const { dom0, deb } = await startBare(t, 'bookworm');
    const { lab } = dom0;
    const guest = await provenGuest(t, dom0);
    await makeEmptyTables(dom0);
    const residue = await lab.residue();
    await dom0.install(deb);
    await attach(t, guest);

    const removal = await passing(guest, async () => {
      const said = await dom0.remove('purge');
      t.regex(said, /these ports are guarded and would be left open: web1 \(vif1\.0\)/);
      t.regex(said, /^vifguard: these guests stay guarded, and keep their lawful traffic/m);
    });
    t.is(removal.leaked + removal.failed, 0);
    await expectGuarded(t, guest);
    const { exitCode } = await guest.hotplug('online').result;
    t.not(exitCode, 0, 'without its script no guest comes up');

    await dom0.install(deb);
    t.regex(await dom0.run('vifguard', 'check'), /^all well: 1 port/);
    await expectGuarded(t, guest);
    t.is((await guest.offline()).exitCode, 0);
    await dom0.remove('purge');
    const after = await lab.residue();
    for (const kind of ['ebtables', 'ip6tables', 'state files'])
      t.deepEqual(after[kind], residue[kind], kind);
  },
);

test.serial(
  "Xen's own config changes by vifguard enable alone, and removal says what still names the script",
  async (t) => {
    await buildXen();
    const { dom0, deb } = await startBare(t, 'bookworm');
    const original = readFileSync(`${XEN_ROOT}/etc/xen/xl.conf`, 'utf8');
    const xlConf = () => dom0.sh('cat /etc/xen/xl.conf; echo end');
    await dom0.lab.writeFile('xl.conf', original);
    await dom0.sh(`mkdir /etc/xen; cp ${dom0.lab.dir}/xl.conf /etc/xen/`);
    await dom0.install(deb);
    t.is(await xlConf(), `${original}end`);
    await dom0.sh('vifguard enable --write');
    const enabled = await xlConf();
    t.not(enabled, `${original}end`);
    t.regex(
      await dom0.remove('purge'),
      /^vifguard: \/etc\/xen\/xl\.conf has vif\.default\.script="vif-guard"/m,
    );
    t.is(await xlConf(), enabled);
    await dom0.install(deb);
    await dom0.sh('vifguard disable --write');
    t.notRegex(await dom0.remove('purge'), /xl\.conf/);
    t.is(await xlConf(), `${original}end`);
  },
);

test.serial('guards in a named namespace are seen to as well', async (t) => {
  const { dom0, deb } = await startBare(t, 'bookworm', {
    async prepare({ dom0: { namespace } }) {
      const inside = (command: string) => namespace.run('ip', ['-n', 'tenant-a', ...command.split(' ')]);
      await namespace.run('ip', ['netns', 'add', 'tenant-a']);
      await inside('link add br0 type bridge');
      await inside('link set br0 up');
    },
  });
  await dom0.install(deb);
  const guest = await dom0.lab.guest({ domid: 1, name: 'web1', bridge: 'tenant-a/br0', ip: '192.0.2.41' });
  t.is((await guest.hotplug('online').result).exitCode, 0);
  const inTenant = (command: string) => dom0.sh(`nsenter --net=/run/netns/tenant-a ${command}`);
  t.regex(await inTenant('vifguard check'), /^all well: 1 port/);
  t.regex(await dom0.remove('remove'), /would be left open: web1 \(vif1\.0\)/);
  await dom0.install(deb);
  t.regex(await inTenant('vifguard check'), /^all well: 1 port/);
  t.is((await guest.offline()).exitCode, 0);
  await inTenant('vifguard host up');
  t.regex(await dom0.remove('purge'), /^everything of vifguard is out of the kernel$/m);
});

/** What has come and gone between two sorted lists. */
function difference(before: readonly string[], after: readonly string[]): string[] {
  const [was, is] = [new Set(before), new Set(after)];
  const gone = before.filter((line) => !is.has(line)).map((line) => `- ${line}`);
  return [...gone, ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`)];
}
