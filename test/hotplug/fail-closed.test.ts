import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { STEPS } from '../../src/port/attach.ts';
import { vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts';
import { backendPath } from '../lab/libxl.ts';
import { poll } from '../lab/poll.ts';
import { replaceTool } from '../lab/replace-tool.ts';
import type { Residue } from '../lab/residue.ts';
import { DOM0 } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

// What may happen to an attach, and that its port is closed then, and nothing of it left.

const SCRIPT = fileURLToPath(new URL('interrupted', import.meta.url));
const TSX = import.meta.resolve('tsx');
const POINTS = [...STEPS, 'report'] as const;

interface Scene {
  readonly lab: Lab;
  readonly guest: Guest;
  /** Attached all the time, and not to be touched. */
  readonly bystander: Guest;
  /** What there is when the guest's device waits for its script. */
  readonly before: Residue;
}

async function startScene(t: ExecutionContext, options: LabOptions = {}): Promise<Scene> {
  const lab = await startLab(t, options);
  const bystander = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42 2001:db8:0:ffff::42' });
  t.is((await bystander.online()).exitCode, 0);
  await bystander.configureAddresses();
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  // Once through, so that what comes with the first guest of a bridge is there.
  t.is((await guest.online()).exitCode, 0);
  t.is((await guest.offline()).exitCode, 0);
  await guest.plug();
  return { lab, guest, bystander, before: await lab.residue() };
}

/**
 * The lines that came or went, of everything but xenstore, which may say what went wrong, and qdiscs,
 * which a link keeps from when it was up.
 */
function differences(before: Residue, after: Residue): string[] {
  return Object.keys(before)
    .filter((listing) => listing !== 'xenstore' && listing !== 'qdiscs')
    .flatMap((listing) => {
      const [old = [], now = []] = [before, after].map((residue) =>
        (residue[listing] ?? []).map(withoutQdisc),
      );
      const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
      return [...gone, ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)];
    });
}

function withoutQdisc(line: string): string {
  return line.replace(/ qdisc \w+/, '');
}

async function spoofedArrives({ lab, guest }: Scene): Promise<boolean> {
  const payload = f.ipv4(
    { src: '192.0.2.66', dst: '192.0.2.255' },
    f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
  );
  const frame = f.ethernet({ src: guest.mac, dst: f.BROADCAST }, payload);
  if (!(await (await guest.nic.injector()).isUp())) return false;
  const seen = await guest.arrivals([frame], [lab.gateway, lab.dom0]);
  return seen.some(([arrived]) => arrived);
}

/** The port is closed and gone without a trace, and the bystander is well. */
async function assertClosed(t: ExecutionContext, scene: Scene, when: string): Promise<void> {
  t.deepEqual(differences(scene.before, await scene.lab.residue()), [], when);
  t.true(await ping(scene.bystander, '192.0.2.1'), `${when}: the bystander`);
}

test('an error before any step leaves the port closed and nothing of it', async (t) => {
  const scene = await startScene(t);
  for (const point of POINTS) {
    const options = { script: SCRIPT, environment: { TSX, AT: point, HOW: 'throw' } };
    const { exitCode, hotplugError, hotplugStatus } = await scene.guest.hotplug('online', options).result;
    const advice = 'after "xl network-attach" run "xl network-detach 1 0"';
    t.is(hotplugError?.replace(`; ${advice}`, ''), `interrupted before ${point}`);
    t.deepEqual([exitCode, hotplugStatus], [1, 'error']);
    await assertClosed(t, scene, `an error before ${point}`);
  }
  t.is((await scene.guest.online()).hotplugStatus, 'connected');
  t.false(await spoofedArrives(scene));
});

test('a process killed between two steps leaves nothing open, and offline takes the rest away', async (t) => {
  const scene = await startScene(t);
  for (const point of POINTS) {
    const options = { script: SCRIPT, environment: { TSX, AT: point, HOW: 'kill' } };
    t.is((await scene.guest.hotplug('online', options).result).exitCode, -1);
    t.false(await spoofedArrives(scene), `killed before ${point}`);
    t.is((await scene.guest.offline({ device: 'present' })).exitCode, 0);
    await assertClosed(t, scene, `killed before ${point}, then offline`);
  }
});

test('after a kill between any two steps, online does the whole', async (t) => {
  const scene = await startScene(t);
  for (const point of POINTS) {
    const options = { script: SCRIPT, environment: { TSX, AT: point, HOW: 'kill' } };
    t.is((await scene.guest.hotplug('online', options).result).exitCode, -1);
    t.is((await scene.guest.online()).exitCode, 0, `killed before ${point}, then online`);
    t.false(await spoofedArrives(scene), `killed before ${point}, then online`);
    await scene.guest.configureAddresses();
    t.true(await ping(scene.guest, '192.0.2.1'), `killed before ${point}, then online`);
    await scene.guest.offline();
    await scene.guest.plug();
    await assertClosed(t, scene, `killed before ${point}, online, offline`);
  }
});

test('a control: the spoofed frame arrives from a port without a guard', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  await guest.onlineUnguarded();
  t.true(await spoofedArrives({ lab, guest, bystander: guest, before: {} }));
});

const TOOLS = ['ebtables-nft-restore', 'ip6tables-nft-restore'];

for (const tool of TOOLS) {
  test(`a ${tool} that fails`, async (t) => {
    const scene = await startScene(t);
    await replaceTool(scene.lab, tool, 'echo no luck >&2; exit 1');
    const { exitCode, hotplugError = '' } = await scene.guest.online();
    t.is(exitCode, 1);
    t.regex(hotplugError, new RegExp(`^${tool} refused the rules: no luck`));
    t.false(await spoofedArrives(scene));
    await replaceTool(scene.lab, tool, `exec /usr/sbin/${tool} "$@"`);
    t.is((await scene.guest.offline({ device: 'present' })).exitCode, 0);
    await assertClosed(t, scene, tool);
  });
}

/** By backend, a tool that something else stands in for: it takes all it is given, and ends well. */
const IDLE = [
  ['xtables', 'ebtables-nft-restore'],
  ['xtables', 'ip6tables-nft-restore'],
  ['nftables', 'nft'],
] as const;

const IDLE_TOOL = /(nft|-nft-restore) took the rules, and the kernel does not have them; see that nothing /;

for (const [backend, tool] of IDLE) {
  test(`${backend}: a ${tool} that does nothing, and says that all is well`, async (t) => {
    const scene = await startScene(t, { backend });
    const { lab, guest } = scene;
    // Unlike the bystander's: what is new of its policy takes nft.
    await lab.store.write({ [`${backendPath(guest.vif)}/ip`]: '192.0.2.41' });
    const stub = `case "$*" in *list*) exec /usr/sbin/${tool} "$@";; *) cat >/dev/null;; esac`;
    await replaceTool(lab, tool, stub);
    const { exitCode, hotplugError = '' } = await guest.online();
    t.is(exitCode, 1);
    t.regex(hotplugError, IDLE_TOOL);
    t.false(await spoofedArrives(scene));
    const checked = await vifguard(lab, ['check']);
    t.is(checked.exitCode, 1);
    t.regex(checked.stderr, IDLE_TOOL);
    await replaceTool(lab, tool, `exec /usr/sbin/${tool} "$@"`);
    t.is((await guest.offline({ device: 'present' })).exitCode, 0);
    await assertClosed(t, scene, tool);
  });
}

test('a tool that is not installed, and a kernel without br_netfilter', async (t) => {
  const scene = await startScene(t);
  const { guest, lab } = scene;
  for (const [what, path, message] of [
    ['tools', '/usr/sbin', /^(eb|ip6|ip)tables-nft-restore is not installed; run "apt install iptables"/],
    ['br_netfilter', '/proc/sys/net/bridge', /^br_netfilter cannot be loaded/],
  ] as const) {
    await lab.dom0.namespace.run('mount', ['-t', 'tmpfs', 'tmpfs', path]);
    const { exitCode, hotplugError = '', stderr } = await guest.hotplug('online').result;
    t.is(exitCode, 1);
    t.regex(hotplugError, message, what);
    t.notRegex(stderr, /defect|^ +at /m);
    t.false(await spoofedArrives(scene));
    await lab.dom0.namespace.run('umount', [path]);
    t.is((await guest.offline({ device: 'present' })).exitCode, 0);
    await assertClosed(t, scene, what);
  }
});

test('a tool that hangs: the port is closed within the time xl gives', async (t) => {
  t.timeout(120_000);
  const scene = await startScene(t);
  await replaceTool(scene.lab, 'ebtables-nft-restore', 'exec sleep 100');
  const { exitCode, hotplugError = '' } = await scene.guest.hotplug('online').result;
  t.is(exitCode, 1);
  t.regex(hotplugError, /ebtables-nft-restore did not finish within/);
  t.false(await spoofedArrives(scene));
});

test('a xenstored that does not answer, or is gone: online closes the port, offline cleans up', async (t) => {
  const scene = await startScene(t);
  const { guest, lab } = scene;
  const pid = Number(await readFile(join(lab.dir, 'xenstored.pid'), 'utf8'));
  t.is((await guest.online()).exitCode, 0);
  process.kill(pid, 'SIGSTOP');
  const hung = guest.hotplug('online');
  await poll('the end of the script', () => !existsSync(`/proc/${hung.pid}`), 39_000);
  process.kill(pid, 'SIGCONT');
  t.is((await hung.result).exitCode, 1);
  t.regex((await hung.result).stderr, /^vif-guard: xenstore: .*ETIMEDOUT/);
  await assertClosed(t, scene, 'a xenstored that hangs');

  t.is((await guest.online()).exitCode, 0);
  const lost = guest.hotplug('offline', { environment: { XENSTORED_PATH: '/nowhere' } });
  t.is((await lost.result).exitCode, 1);
  t.regex((await lost.result).stderr, /no way to xenstored/);
  await assertClosed(t, scene, 'no xenstored');
});

test('a state directory that is full', async (t) => {
  const scene = await startScene(t);
  const fill = ['mount -t tmpfs -o size=4k tmpfs /run/vifguard', 'echo full >/run/vifguard/full'];
  await scene.lab.dom0.namespace.run('sh', ['-ec', fill.join('\n')]);
  const { exitCode, hotplugError = '', stderr } = await scene.guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError, /no space left/i);
  t.notRegex(stderr, /defect|^ +at /m);
  t.false(await spoofedArrives(scene));
});

const REFUSED: readonly [what: string, backend: Record<string, string>, message: RegExp][] = [
  ['a malformed address', { ip: '192.0.2.300' }, /backend\/vif\/1\/0\/ip: "192\.0\.2\.300"/],
  ['a command in an address', { ip: '$(reboot)' }, /"\$\(reboot\)"/],
  ['a multicast MAC', { mac: '01:16:3e:00:00:01' }, /mac: .*01:16:3e:00:00:01/],
  ["the bridge's MAC", { mac: DOM0.mac }, /MAC 02:00:00:00:00:02 is that of dom0's own xenbr0/],
  ["the port's own MAC", { mac: 'fe:ff:ff:ff:ff:ff' }, /MAC fe:ff:ff:ff:ff:ff is that of dom0's own vif1\.0/],
  ['no MAC', { mac: '' }, /mac/],
  ['a bridge that does not exist', { bridge: 'xenbr9' }, /"xenbr9" does not exist/],
  ['a bridge that is none', { bridge: 'uplink0' }, /"uplink0" is no bridge/],
  ['no bridge', { bridge: '' }, /bridge is missing/],
  ['a namespace that does not exist', { bridge: 'tenant-x/br0' }, /no network namespace "tenant-x"/],
  ['a path for a bridge', { bridge: '../../etc' }, /bridge/],
  ['a VLAN on a bridge that does not filter them', { vlan: '7' }, /VLAN 7 cannot be: /],
  ['a trunk', { vlan: '7p/10-20' }, /vlan: "7p\/10-20" is a trunk/],
  ['an impossible MTU', { mtu: '40' }, /mtu: "40"/],
  ['a name that is no interface name', { vifname: 'a b;reboot' }, /vifname: "a b;reboot"/],
  ['a name that the kernel keeps', { vifname: 'all' }, /vifname: "all" is a name that no interface may have/],
  ['a name that is taken', { vifname: 'uplink0' }, /vifname "uplink0" is taken/],
  ["another guest's name", { vifname: 'vif2.0' }, /vifname "vif2.0" is taken/],
  ["another guest's address", { ip: '192.0.2.42' }, /web1 \(vif1\.0\).*192\.0\.2\.42: web2 \(vif2\.0\)/],
  [
    "dom0's address",
    { ip: DOM0.ip },
    /web1 \(vif1\.0\) may not have address 192\.0\.2\.2: this host itself holds it;/,
  ],
  ["another guest's MAC", { mac: '00:16:3e:00:02:00' }, /mac 00:16:3e:00:02:00/],
];

test('what cannot be had is refused in one sentence, and the port closed even if it was attached', async (t) => {
  const scene = await startScene(t);
  const { guest, lab } = scene;
  const path = '/local/domain/0/backend/vif/1/0';
  const lawful = {
    ip: guest.vif.ip ?? '',
    mac: guest.mac,
    bridge: guest.vif.bridge,
    vlan: '',
    mtu: '',
    vifname: '',
  };
  for (const [what, backend, message] of REFUSED) {
    const write = (values: Readonly<Record<string, string>>) =>
      lab.store.write(
        Object.fromEntries(Object.entries(values).map(([key, value]) => [`${path}/${key}`, value])),
      );
    await write(lawful);
    t.is((await guest.hotplug('online').result).exitCode, 0);
    await write(backend);
    const { exitCode, hotplugError = '', hotplugStatus, stderr } = await guest.hotplug('online').result;
    t.is(exitCode, 1, what);
    t.is(hotplugStatus, 'error', what);
    t.regex(hotplugError, message, what);
    t.notRegex(stderr, /defect|^ +at /m, what);
    await assertClosed(t, scene, what);
  }
});

test('a device that has gone: what is called as its vifname says is no substitute', async (t) => {
  const { lab, guest } = await startScene(t);
  await guest.unplug();
  const before = await lab.residue();
  for (const vifname of ['uplink0', 'vif2.0', 'xenbr0', 'lo']) {
    await lab.store.write({ '/local/domain/0/backend/vif/1/0/vifname': vifname });
    const { exitCode, hotplugError = '' } = await guest.hotplug('online').result;
    t.is(exitCode, 1, vifname);
    t.true(hotplugError.startsWith(`vifname "${vifname}" is taken by another interface`), hotplugError);
    t.deepEqual(differences(before, await lab.residue()), [], vifname);
  }
});

test('a holder that went without an offline holds nothing', async (t) => {
  const { lab, guest, bystander } = await startScene(t);
  const heir = await lab.guest({ domid: 3, name: 'web3', ip: bystander.vif.ip ?? '' });
  t.regex((await heir.online()).hotplugError ?? '', /web2/);
  await bystander.unplug();
  t.is((await heir.online()).exitCode, 0);
  await heir.configureAddresses();
  t.true(await ping(heir, '192.0.2.1'));
  t.is((await guest.online()).exitCode, 0);
});
