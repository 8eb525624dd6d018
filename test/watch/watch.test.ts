import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import { guardedGuest, VIFGUARD, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { fdb } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { backendPath } from '../lab/libxl.ts';
import { collect, exited } from '../lab/netns.ts';
import { poll } from '../lab/poll.ts';
import { replaceTool } from '../lab/replace-tool.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { startWatcher, type Watcher } from './watcher.ts';

// Side by side the labs would slow each other down.
const test = anyTest.serial;

interface Scene {
  readonly lab: Lab;
  readonly guest: Guest;
  readonly watcher: Watcher;
}

async function startScene(t: ExecutionContext, backend: BackendName = 'xtables'): Promise<Scene> {
  const lab = await startLab(t, { backend });
  const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  await guest.configureAddresses();
  const watcher = await startWatcher(lab);
  await watcher.quiet(500);
  watcher.forget();
  return { lab, guest, watcher };
}

async function spoofedArrives({ lab, guest }: Scene): Promise<boolean> {
  const payload = f.ipv4(
    { src: '192.0.2.66', dst: '192.0.2.255' },
    f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
  );
  const frame = f.ethernet({ src: guest.mac, dst: f.BROADCAST }, payload);
  const [[arrived] = []] = await guest.arrivals([frame], [lab.gateway]);
  return arrived ?? false;
}

/** What others do, what the watch says of it, and the backends it means something to. */
const FOREIGN: readonly [what: string, command: string, said: RegExp, only?: BackendName][] = [
  ['flush the ruleset', 'nft flush ruleset', /^packet filter: written .*\(after nft, process \d+\)$/],
  ['flush ebtables', 'ebtables -t nat -F', /^packet filter: written .*\(after ebtables/, 'xtables'],
  ['flush ip6tables', 'ip6tables -t raw -F', /^packet filter: written .*\(after ip6tables/, 'xtables'],
  ['flush iptables', 'iptables -t raw -F', /^packet filter: written .*\(after iptables/, 'xtables'],
  ['delete our other table', 'nft delete table inet vifguard', /^packet filter: written/, 'nftables'],
  [
    'let it hear ARP, in another device group',
    'ip link set vif1.0 arp on group 7',
    /^vif1\.0: arp is on, should be off; its device group is 7, should be 30310; restored$/,
  ],
  ['put a rule in front', 'ebtables -t nat -I PREROUTING 1 -j ACCEPT', /^packet filter: written/, 'xtables'],
  ['delete our table', 'nft delete table bridge vifguard', /^packet filter: written/, 'nftables'],
  [
    'delete an element',
    'nft delete element bridge vifguard from-guest { vif1.0 }',
    /^packet filter: written/,
    'nftables',
  ],
  [
    'unlock the port',
    'bridge link set dev vif1.0 locked off',
    /^vif1\.0: locked is off, should be on; restored$/,
  ],
  [
    'let it learn, by sysfs',
    'mount --bind /sys /sys; echo 1 >/sys/class/net/vif1.0/brport/learning',
    /^vif1\.0: learning is on, should be off; restored$/,
  ],
  ['end its isolation', 'ip link set vif1.0 type bridge_slave isolated off', /^vif1\.0: isolated is off/],
  [
    'delete its forwarding entry',
    'bridge fdb del 00:16:3e:00:01:00 dev vif1.0 master',
    /^vif1\.0: 00:16:3e:00:01:00 has no static FDB entry; restored$/,
  ],
  [
    'move its forwarding entry',
    'bridge fdb replace 00:16:3e:00:01:00 dev uplink0 master static',
    /^vif1\.0: 00:16:3e:00:01:00 has no static FDB entry; restored$/,
  ],
  [
    'add a forwarding entry',
    'bridge fdb add 00:16:3e:66:66:66 dev vif1.0 master static',
    /^vif1\.0: 00:16:3e:66:66:66 has a static FDB entry, should have none; restored$/,
  ],
  [
    'take it off its bridge',
    'ip link set vif1.0 nomaster',
    /^vif1\.0: was taken off xenbr0; is on it again$/,
  ],
  [
    'rename it',
    'ip link set vif1.0 down; ip link set vif1.0 name stray; ip link set stray up',
    /^vif1\.0: was renamed to stray; has its name again$/,
  ],
  [
    'have the bridge call no ip6tables',
    'ip link set xenbr0 type bridge nf_call_ip6tables 0',
    /^xenbr0: nf_call_ip6tables switched on$/,
    'xtables',
  ],
];

/** What an empty node program takes on a machine with nothing else to do (`make bench`). */
const EMPTY_NODE_MS = 80;

/**
 * Whether something is over before a second's work is. Work takes longer while others keep the machine busy, and so does
 * what it is compared with.
 */
async function isWithinASecond(done: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const over = done.then(() => {
    isOver = true;
    return true;
  });
  const second = async () => {
    for (let ms = 0; ms < 1000 && !isOver; ms += EMPTY_NODE_MS) await execa(process.execPath, ['/dev/null']);
    return isOver;
  };
  return await Promise.race([over, second()]);
}

for (const backend of BACKENDS) {
  test(`${backend}: what others change is as it was within a second`, async (t) => {
    t.timeout(240_000);
    const scene = await startScene(t, backend);
    const { lab, guest, watcher } = scene;
    const links = (await lab.residue()).links;
    for (const [what, command, said] of FOREIGN.filter(
      ([, , , only]) => only === undefined || only === backend,
    )) {
      watcher.forget();
      const { exitCode, stderr } = await lab.exec('sh', ['-ec', command]);
      t.is(exitCode, 0, `${what}: ${stderr}`);
      const restored = watcher.said(said);
      t.true(await isWithinASecond(restored), `${what}: within a second`);
      await restored;
      await watcher.quiet(200);
      t.is(watcher.lines.length, 1, `${what}: ${watcher.lines.join('\n')}`);
      const checked = await vifguard(lab, ['check']);
      t.is(checked.exitCode, 0, `${what}: ${checked.stdout}`);
      t.false(await spoofedArrives(scene), what);
      t.true(await ping(guest, GATEWAY.ip6), what);
      t.deepEqual((await lab.residue()).links, links, what);
    }
  });
}

test('what xenstore has of a policy is as it should be, and a new address takes effect', async (t) => {
  const scene = await startScene(t);
  const { lab, guest, watcher } = scene;
  const path = '/local/domain/0/backend/vif/1/0';
  await lab.store.write({ [`${path}/vifguard/ipv4`]: '192.0.2.66' });
  await watcher.said(/^web1 \(vif1\.0\): its policy is in xenstore again$/);
  t.is(await lab.store.read(`${path}/vifguard/ipv4`), '192.0.2.41');
  watcher.forget();
  await lab.store.rm(`${path}/vifguard`);
  await watcher.said(/^web1 \(vif1\.0\): its policy is in xenstore again$/);
  await lab.store.write({ [`${path}/ip`]: '192.0.2.42' });
  await watcher.said(/^web1 \(vif1\.0\): ipv4 is 192\.0\.2\.42 \(was 192\.0\.2\.41\); ipv6 is none/);
  await lab.store.write({ [`${path}/ip`]: '192.0.2.300' });
  await watcher.said(/^web1 \(vif1\.0\) keeps the guard it had: .*"192\.0\.2\.300"/);
  await lab.store.write({ [`${path}/ip`]: '192.0.2.66' });
  await watcher.said(/^web1 \(vif1\.0\): ipv4 is 192\.0\.2\.66/);
  t.true(await spoofedArrives({ lab, guest, watcher }));
});

test('it says nothing, and does nothing, while guests come and go', async (t) => {
  const { lab, guest, watcher } = await startScene(t);
  const other = await lab.guest({ domid: 2, name: 'web2', type: 'vif_ioemu', ip: '192.0.2.52' });
  for (let cycle = 0; cycle < 3; cycle++) {
    t.is((await other.online()).exitCode, 0);
    t.is((await guest.online()).exitCode, 0);
    t.is((await other.offline()).exitCode, 0);
  }
  t.is((await vifguard(lab, ['reload'])).exitCode, 0);
  t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
  await watcher.quiet(500);
  t.deepEqual(watcher.lines, []);
  t.is(await watcher.end(), 0);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

for (const backend of BACKENDS) {
  test(`${backend}: once an HVM guest has unplugged its tap, the vif has the MAC to itself`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'win', ip: '192.0.2.41', type: 'vif_ioemu' });
    const watcher = await startWatcher(lab);
    await watcher.quiet(500);
    watcher.forget();
    // Its driver takes the tap away, and comes up with the vif after that; a guest that ends has no such driver.
    await guest.namespace.ip('link set eth0 down', 'link delete emu0');
    await watcher.quiet(500);
    t.deepEqual(watcher.lines, []);
    await guest.namespace.ip('link set eth0 up');
    await watcher.said(/^vif1\.0-emu: was unplugged; vif1\.0 has 00:16:3e:00:01:00 to itself$/);
    const entries = (await fdb(lab.dom0.namespace)).filter(({ mac }) => mac === guest.mac);
    t.deepEqual(
      entries.map(({ ifname, state }) => [ifname, state]),
      [['vif1.0', 'static']],
    );
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
    t.is((await guest.hotplug('remove').result).exitCode, 0);
    await watcher.quiet(500);
    t.is(watcher.lines.length, 1);
  });
}

test('nftables: with a class in place, an event runs no tool, and is no reason to look at the rules', async (t) => {
  const { lab, watcher } = await startScene(t, 'nftables');
  const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.52 2001:db8:0:ffff::52' });
  const ran = `${lab.dir}/ran`;
  const byNode = 'case $(readlink /proc/$PPID/exe) in */node | */nodejs)';
  await replaceTool(lab, 'nft', `${byNode} echo "$*" >>${ran} ;; esac; exec /usr/sbin/nft "$@"`);
  const written = () => (existsSync(ran) ? readFileSync(ran, 'utf8').split('\n') : []);
  for (const event of ['online', 'online', 'offline'] as const)
    t.is((await other.hotplug(event).result).exitCode, 0);
  await watcher.quiet(500);
  // The kernel tells who has changed rules as the first PID namespace counts processes; elsewhere the watch looks.
  if (readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]') t.deepEqual(written(), []);
  t.false(written().includes('-f -'));
  await other.plug();
  await lab.store.write({ [`${backendPath(other.vif)}/ip`]: '192.0.2.52' });
  t.is((await other.hotplug('online').result).exitCode, 0);
  t.true(written().includes('-f -'));
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

test('at rest it sleeps', async (t) => {
  const { watcher } = await startScene(t);
  // The way to the kernel closes a second after its last use.
  await sleep(2_000);
  const before = await wakeups(watcher.pid);
  await sleep(3_000);
  t.true((await wakeups(watcher.pid)) - before <= 6);
});

/** How often its threads have gone to sleep (proc(5), status). */
async function wakeups(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/status`, 'utf8')));
  const counts = texts.map((text) => Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(text)?.[1]));
  return counts.reduce((sum, count) => sum + count, 0);
}

test('another program that fights is left alone for a while, and said so', async (t) => {
  const { lab, watcher } = await startScene(t);
  const fight = 'while sleep 0.05; do bridge link set dev vif1.0 locked off; done';
  const fighter = lab.dom0.namespace.spawn('sh', ['-c', fight]);
  await watcher.said(/^vif1\.0: undone again and again; left alone for \d+ s$/);
  const restored = () => watcher.lines.filter((line) => line.endsWith('restored')).length;
  const before = restored();
  await watcher.quiet(100);
  t.true(restored() <= before + 1);
  fighter.kill('SIGKILL');
  await watcher.said(/left alone for [2-9] s/);
  await poll('a guard as it should be', async () => (await vifguard(lab, ['check'])).exitCode === 0, 20_000);
});

test('what is left alone for a while keeps nothing else waiting', async (t) => {
  const { lab, watcher } = await startScene(t);
  const fight = 'while sleep 0.05; do bridge link set dev vif1.0 locked off; done';
  const fighter = lab.dom0.namespace.spawn('sh', ['-c', fight]);
  await watcher.said(/^vif1\.0: undone again and again; left alone for 8 s$/);
  fighter.kill('SIGKILL');
  await lab.dom0.namespace.run('nft', ['flush', 'ruleset']);
  const written = watcher.said(/^packet filter: written/).then(() => 'written');
  t.is(await Promise.race([written, sleep(6_000).then(() => 'waiting')]), 'written');
});

test('killed or ended, it leaves the guards; a second one is refused', async (t) => {
  const scene = await startScene(t);
  const { lab, guest, watcher } = scene;
  const second = await vifguard(lab, ['watch']);
  t.is(second.exitCode, 1);
  t.regex(second.stderr, /^vifguard: vifguard watch runs already in this network namespace/);
  t.is(await watcher.end('SIGKILL'), -1);
  const next = await startWatcher(lab);
  t.is(await next.end(), 0);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  t.true(await ping(guest, GATEWAY.ip6));
});

const STARTED = 'test -S /run/vifguard/net-*/watch.sock';

test('an nft that answers nonsense is said, and what it kept from being put right is, once it is well', async (t) => {
  const { lab, watcher } = await startScene(t, 'nftables');
  await replaceTool(lab, 'nft', 'echo null');
  await lab.dom0.namespace.run('/usr/sbin/nft', ['flush', 'ruleset']);
  await watcher.said(/^packet filter: cannot be put right: nft lists no rules, but says "null\\x0anull"; /);
  await lab.dom0.namespace.run('rm', ['/usr/local/sbin/nft']);
  await watcher.said(/^packet filter: written/);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

test('a defect ends it at once, for it to be started anew', async (t) => {
  const lab = await startLab(t);
  // Later than the signal, which ends the wait for the kernel.
  const hook = "process.once('SIGUSR2', () => setTimeout(() => { throw new Error('a defect'); }, 500));";
  const path = await lab.writeFile('defect.cjs', hook);
  const program = fileURLToPath(new URL('../../dist/vifguard.cjs', import.meta.url));
  const env = Object.entries(lab.environment).map(([name, value]) => `${name}=${value}`);
  const child = lab.dom0.namespace.spawn('env', [...env, 'node', '--require', path, program, 'watch']);
  await poll('its start', async () => (await lab.exec('sh', ['-c', STARTED])).exitCode === 0, 20_000);
  const said = collect(child.stderr);
  child.kill('SIGUSR2');
  await poll('its end', () => child.exitCode !== null || child.signalCode !== null, 20_000);
  t.regex(await said, /this is a defect in vifguard; .*Error: a defect/s);
});

test('a log on a full disk ends neither the watch nor what it does', async (t) => {
  const lab = await startLab(t);
  await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  const env = Object.entries(lab.environment).map(([name, value]) => `${name}=${value}`);
  const child = lab.dom0.namespace.spawn('env', [
    ...env,
    'sh',
    '-c',
    `exec ${VIFGUARD} watch >/dev/full 2>&1`,
  ]);
  const checked = async () => (await vifguard(lab, ['check'])).exitCode === 0;
  await poll('its start', async () => (await lab.exec('sh', ['-c', STARTED])).exitCode === 0, 20_000);
  for (let times = 0; times < 2; times++) {
    await lab.exec('nft', ['flush', 'ruleset']);
    await poll('rules that are as they should be', checked, 20_000);
  }
  t.is(child.exitCode, null);
  child.kill('SIGTERM');
  await exited(child);
  t.is(child.exitCode, 0);
});
