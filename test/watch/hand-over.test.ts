import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import type { HotplugRun } from '../lab/hotplug.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { backendPath, hotplugArguments, hotplugEnvironment } from '../lab/libxl.ts';
import { poll } from '../lab/poll.ts';
import { replaceTool } from '../lab/replace-tool.ts';
import type { Residue } from '../lab/residue.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { startWatcher } from './watcher.ts';

const test = anyTest.serial;

const HAND_OVER = fileURLToPath(new URL('../../dist/hand-over', import.meta.url));

interface Scene {
  readonly lab: Lab;
  readonly guest: Guest;
  /** What there is once the guest is attached without a watch. */
  readonly attached: Residue;
}

async function startScene(t: ExecutionContext): Promise<Scene> {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  t.is((await guest.online()).exitCode, 0);
  const attached = await residue(lab);
  t.is((await guest.offline({ device: 'present' })).exitCode, 0);
  return { lab, guest, attached };
}

/** Without a watch's own lock, and what libxl writes of the vif. */
async function residue(lab: Lab): Promise<Residue> {
  const entries = Object.entries(await lab.residue());
  const isGuards = (line: string) => !/watch\.lock$|vif\/1\/0\/(online|state) = /.test(line);
  return Object.fromEntries(entries.map(([listing, lines]) => [listing, lines.filter(isGuards)]));
}

/** The status of the client alone: 75 when nobody has done the event. */
async function handOver({ lab, guest }: Scene, environment: Readonly<Record<string, string>> = {}) {
  const env = { ...hotplugEnvironment(guest.vif, HAND_OVER), ...environment };
  return await lab.exec(HAND_OVER, hotplugArguments('online'), { env });
}

/** The port is guarded, as it is when vif-guard does it all by itself. */
async function assertGuarded(t: ExecutionContext, { lab, guest, attached }: Scene): Promise<void> {
  t.deepEqual(await residue(lab), attached);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  const payload = f.ipv4(
    { src: '192.0.2.66', dst: GATEWAY.ip },
    f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
  );
  await guest.expectDoesNotArrive(f.ethernet({ src: guest.mac, dst: GATEWAY.mac }, payload), {
    at: lab.gateway,
  });
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
}

const WRITERS = { xtables: 'ebtables-nft-restore', nftables: 'nft' } as const;
const [WAITS, RELEASED] = ['/usr/local/sbin/waits', '/usr/local/sbin/released'];

/** An online event, whose rules the first tool that gets them does not write until it is released. */
interface HeldEvent {
  readonly result: HotplugRun['result'];
  readonly hasEnded: () => boolean;
  readonly release: () => Promise<void>;
}

/** Has the watch begin an attach, and waits until it stands in the middle of it. */
async function startHeldEvent(t: ExecutionContext, { lab, guest }: Scene): Promise<HeldEvent> {
  const writer = WRITERS[lab.backend];
  // One whose caller is killed ends with it, having written nothing.
  const script = `input=$(cat)
case $input in
  *${guest.device}*)
    if mkdir ${WAITS} 2>/dev/null; then
      until [ -e ${RELEASED} ]; do [ -d /proc/$PPID ] || exit 1; sleep 0.05; done
    fi ;;
esac
printf '%s\\n' "$input" | exec /usr/sbin/${writer} "$@"`;
  await replaceTool(lab, writer, script);
  const { result } = guest.hotplug('online');
  let ended = false;
  void result.then(() => {
    ended = true;
  });
  const succeeds = async (command: string) => (await lab.exec('sh', ['-c', command])).exitCode === 0;
  await poll('a tool that waits', () => succeeds(`test -d ${WAITS}`), 20_000);
  t.true(await succeeds(`test -e /run/vifguard/net-*/ports/${guest.device}.json`), 'the port is claimed');
  t.false(ended);
  const release = async () => void (await lab.dom0.namespace.run('touch', [RELEASED]));
  return { result, hasEnded: () => ended, release };
}

test('without a watch, with another config or for another namespace, it is not done by handing over', async (t) => {
  const scene = await startScene(t);
  t.is((await handOver(scene)).exitCode, 75);
  const watcher = await startWatcher(scene.lab);
  t.is((await handOver(scene, { VIFGUARD_CONF: '/etc/other.conf' })).exitCode, 75);
  t.is((await handOver(scene, { XENSTORED_PATH: '/nowhere' })).exitCode, 75);
  await scene.lab.dom0.namespace.run('ip', ['netns', 'add', 'tenant-a']);
  await scene.lab.store.write({ [`${backendPath(scene.guest.vif)}/bridge`]: 'tenant-a/br0' });
  t.is((await handOver(scene)).exitCode, 75);
  await scene.lab.store.write({ [`${backendPath(scene.guest.vif)}/bridge`]: 'xenbr0' });
  t.is((await handOver(scene)).exitCode, 0);
  t.is(await watcher.end(), 0);
  t.is((await handOver(scene)).exitCode, 75);
});

test('a watch does the same as vif-guard alone, and its verdict is vif-guard’s', async (t) => {
  const scene = await startScene(t);
  const { lab, guest } = scene;
  const watcher = await startWatcher(lab);
  const event = (action: 'online' | 'offline') => guest.hotplug(action).result;
  await hideNode(lab);
  const online = await event('online');
  t.deepEqual([online.exitCode, online.stderr, online.hotplugStatus], [0, '', 'connected']);
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  await lab.store.write({ [`${backendPath(guest.vif)}/ip`]: '192.0.2.300' });
  const refused = await event('online');
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /^vif-guard: backend\/vif\/1\/0\/ip: "192\.0\.2\.300"[^\n]*\n$/);
  t.is(refused.hotplugStatus, 'error');
  t.is(refused.stderr, `vif-guard: ${refused.hotplugError}\n`);
  await lab.store.write({ [`${backendPath(guest.vif)}/ip`]: guest.vif.ip ?? '' });
  t.is((await event('online')).exitCode, 0);
  await showNode(lab);
  t.is(await watcher.end(), 0);
  await assertGuarded(t, scene);
});

/** Nothing but the watch can do it then. */
async function hideNode(lab: Lab): Promise<void> {
  await lab.dom0.namespace.run('mount', ['--bind', '/dev/null', process.execPath]);
}

async function showNode(lab: Lab): Promise<void> {
  await lab.dom0.namespace.run('umount', [process.execPath]);
}

// Each ends within libxl's 40 s, as the lab kills a script that takes longer.
test('a watch that hangs before the event, and one that hangs with the lock in its hands', async (t) => {
  t.timeout(120_000);
  const scene = await startScene(t);
  const { lab, guest } = scene;
  const before = await startWatcher(lab);
  process.kill(before.pid, 'SIGSTOP');
  const first = await guest.hotplug('online').result;
  t.deepEqual([first.exitCode, first.hotplugStatus], [0, 'connected']);
  t.regex(first.stderr, /^vif-guard: "vifguard watch" \(process \d+\) hung, and was killed\n$/);
  await assertGuarded(t, scene);
  t.is((await guest.offline({ device: 'present' })).exitCode, 0);

  const midway = await startWatcher(lab);
  const event = await startHeldEvent(t, scene);
  process.kill(midway.pid, 'SIGSTOP');
  t.false(event.hasEnded());
  const second = await event.result;
  t.deepEqual([second.exitCode, second.hotplugStatus], [0, 'connected']);
  t.regex(second.stderr, /hung, and was killed/);
  await assertGuarded(t, scene);
});

test('a watch that dies midway: vif-guard does it again, and in whole', async (t) => {
  const scene = await startScene(t);
  const watcher = await startWatcher(scene.lab);
  const event = await startHeldEvent(t, scene);
  t.is(await watcher.end('SIGKILL'), -1);
  const { exitCode, stderr, hotplugStatus } = await event.result;
  t.deepEqual([exitCode, stderr, hotplugStatus], [0, '', 'connected']);
  await assertGuarded(t, scene);
});

test('a watch that is told to end brings its events to their end', async (t) => {
  const scene = await startScene(t);
  const { lab } = scene;
  const watcher = await startWatcher(lab);
  await hideNode(lab);
  const event = await startHeldEvent(t, scene);
  const end = watcher.end();
  const listens = async () =>
    (await lab.exec('sh', ['-c', 'test -e /run/vifguard/net-*/watch.sock'])).exitCode === 0;
  await poll('an end to its listening', async () => !(await listens()));
  t.false(event.hasEnded());
  await event.release();
  t.deepEqual([await end, (await event.result).exitCode], [0, 0]);
  await showNode(lab);
  await assertGuarded(t, scene);
});

test('many events at a time', async (t) => {
  const { lab } = await startScene(t);
  const watcher = await startWatcher(lab);
  const guests: Guest[] = [];
  for (let domid = 10; domid < 34; domid++) {
    guests.push(await lab.guest({ domid, ip: `192.0.2.${domid} 2001:db8:0:ffff::${domid}` }));
  }
  await hideNode(lab);
  const online = await Promise.all(guests.map((guest) => guest.hotplug('online').result));
  t.deepEqual(
    online.map(({ stderr }) => stderr).filter((stderr) => stderr !== ''),
    [],
  );
  await showNode(lab);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  await hideNode(lab);
  const offline = await Promise.all(guests.map((guest) => guest.offline()));
  t.deepEqual(
    offline.map(({ exitCode }) => exitCode).filter((code) => code !== 0),
    [],
  );
  await showNode(lab);
  await watcher.quiet(300);
  t.deepEqual(watcher.lines, ['watching']);
});
