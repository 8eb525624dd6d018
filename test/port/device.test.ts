import anyTest from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { guardedGuest, vifguard, vifguardJson } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { backendPath } from '../lab/libxl.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { startWatcher } from '../watch/watcher.ts';

// A port is its device: not what has its name.
const test = anyTest.serial;

const guestOf = (lab: Lab, domid: number) =>
  guardedGuest(lab, { domid, name: `web${domid}`, ip: `192.0.2.4${domid} 2001:db8:0:ffff::4${domid}` });

const spoofed = (guest: Guest) =>
  f.ethernet(
    { src: guest.mac, dst: f.BROADCAST },
    f.ipv4({ src: '192.0.2.66', dst: '192.0.2.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker())),
  );

const inDom0 = ({ dom0 }: Lab, script: string) => dom0.namespace.run('sh', ['-ec', script]);

const rename = (from: string, to: string) =>
  `ip link set ${from} down; ip link set ${from} name ${to}; ip link set ${to} up`;

const indexOf = async ({ lab, device }: Guest) =>
  Number(await inDom0(lab, `cat /sys/class/net/${device}/ifindex`));

/** The devices that any set or map of nftables knows, in nft's words. */
async function known(lab: Lab): Promise<string[]> {
  const { nftables } = JSON.parse(await inDom0(lab, 'nft -j list table bridge vifguard')) as {
    nftables: Readonly<Record<string, { type?: string | string[]; elem?: unknown[] }>>[];
  };
  const sets = nftables.flatMap(({ set, map }) => set ?? map ?? []);
  const ofDevices = sets.filter(({ type }) => [type].flat()[0] === 'iface_index');
  // A key, alone or in front of what it maps to, or of a concatenation, or with a counter.
  const keys = ofDevices.flatMap(({ elem = [] }) =>
    elem.map((element) => /"([^"]+)"/.exec(firstOf(element))?.[1]),
  );
  return [...new Set(keys.map(String))].sort();
}

/** What stands first in an element is no word of nft's own. */
function firstOf(element: unknown): string {
  return JSON.stringify(element).replace(/"(?:concat|elem|val)":/g, '');
}

async function assertWell(
  t: { is: (a: number, b: number, text: string) => unknown },
  lab: Lab,
): Promise<void> {
  const { exitCode, stdout } = await vifguard(lab, ['check']);
  t.is(exitCode, 0, stdout);
}

test('nftables: a port that somebody renamed stays filtered, as its guest’s, and so are its drops', async (t) => {
  const lab = await startLab(t, { backend: 'nftables' });
  const guest = await guestOf(lab, 1);
  await guest.configureAddresses();
  await inDom0(lab, rename(guest.device, 'stray'));
  await guest.expectDoesNotArrive(spoofed(guest), { at: [lab.gateway, lab.dom0] });
  t.true(await ping(guest, GATEWAY.ip));
  const { ports } = await vifguardJson<{ ports: { port: string; drops: Record<string, number> }[] }>(
    lab,
    'status',
  );
  t.deepEqual(
    ports.map(({ port, drops }) => [port, drops['ipv4-spoof']]),
    [[guest.device, 1]],
  );
  const { stdout } = await vifguard(lab, ['check']);
  t.is(stdout, `${guest.device}: was renamed to stray; run "vifguard host up"`);
});

for (const backend of BACKENDS) {
  test(`${backend}: a device that is made anew under the same name waits for its own event`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guestOf(lab, 1);
    await guestOf(lab, 2);
    const watcher = await startWatcher(lab);
    await watcher.quiet(500);
    watcher.forget();
    await guest.unplug();
    await guest.plug();
    await inDom0(lab, `ip link set ${guest.device} arp off`);
    await watcher.quiet(500);
    t.deepEqual(watcher.lines, []);
    const device = await inDom0(lab, `ip -o link show ${guest.device}`);
    t.notRegex(device, /master|[<,]UP[,>]/);
    const { stdout } = await vifguard(lab, ['check']);
    t.regex(stdout, /^vif1\.0: the port is gone: another device has its name;/m);
    t.is((await guest.hotplug('online').result).exitCode, 0);
    await guest.expectDoesNotArrive(spoofed(guest), { at: lab.gateway });
    await guest.configureAddresses();
    t.true(await ping(guest, GATEWAY.ip));
    await assertWell(t, lab);
    if (backend === 'nftables') t.deepEqual(await known(lab), ['vif1.0', 'vif2.0']);
  });

  test(`${backend}: a device has one record: under the name that it has last been given`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guestOf(lab, 1);
    await guest.configureAddresses();
    await lab.store.write({ [`${backendPath(guest.vif)}/vifname`]: 'web' });
    t.is((await guest.hotplug('online').result).exitCode, 0);
    await assertWell(t, lab);
    t.true(await ping(guest, GATEWAY.ip));
    await inDom0(lab, rename('web', 'stray'));
    t.is((await guest.hotplug('online').result).exitCode, 0, 'and it gets its name again');
    await assertWell(t, lab);
    await guest.unplug();
    t.is((await guest.hotplug('offline').result).exitCode, 0);
    await assertWell(t, lab);
  });

  test(`${backend}: the watch does not put a port on its bridge whose online was killed before it did`, async (t) => {
    const lab = await startLab(t, { backend });
    await guestOf(lab, 2);
    const watcher = await startWatcher(lab);
    const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
    const environment = { TSX: import.meta.resolve('tsx'), AT: 'bridge', HOW: 'kill' };
    const script = new URL('../hotplug/interrupted', import.meta.url).pathname;
    t.is((await guest.hotplug('online', { script, environment }).result).exitCode, -1);
    await inDom0(lab, `ip link set ${guest.device} arp off`);
    await watcher.quiet(500);
    t.notRegex(await inDom0(lab, `ip -o link show ${guest.device}`), /master|[<,]UP[,>]/);
  });
}

test('nftables: of a device that has gone nothing is left, its counters neither', async (t) => {
  const lab = await startLab(t, { backend: 'nftables' });
  const [guest] = [await guestOf(lab, 1), await guestOf(lab, 2)];
  await guest.expectDoesNotArrive(spoofed(guest), { at: lab.gateway });
  const index = await indexOf(guest);
  await guest.unplug();
  t.true((await known(lab)).includes(String(index)));
  t.is((await guest.hotplug('offline').result).exitCode, 0);
  t.deepEqual(await known(lab), ['vif2.0']);
});

test('nftables: a device that is called like the number of another is not taken for it', async (t) => {
  const lab = await startLab(t, { backend: 'nftables' });
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const number = String(await indexOf(guest));
  const namesake = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42', vifname: number });
  for (const each of [namesake, guest]) {
    t.is((await each.online()).exitCode, 0);
    await each.configureAddresses();
  }
  // As events write the rules, one by one, and as "host up" does, all at once.
  for (const isWrittenAnew of [false, true]) {
    if (isWrittenAnew) {
      await inDom0(lab, 'nft flush ruleset');
      t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    }
    t.deepEqual(await known(lab), [number, 'vif1.0'].sort());
    for (const each of [namesake, guest]) {
      t.true(await ping(each, GATEWAY.ip));
      await each.expectDoesNotArrive(spoofed(each), { at: lab.gateway });
    }
    await assertWell(t, lab);
  }
  t.is((await guest.offline()).exitCode, 0);
  t.deepEqual(await known(lab), [number]);
  t.true(await ping(namesake, GATEWAY.ip));
  await assertWell(t, lab);
});

/** Makes everything as versions left it that knew ports by name only. */
async function knowByName(lab: Lab): Promise<void> {
  const records = `cd /run/vifguard/net-*; sed -i 's/"index":[0-9]*,//' ports/*; rm -rf index/device*`;
  const table = `nft list table bridge vifguard | sed 's/\\<\\([io]if\\)\\>/\\1name/g' >/run/by-name.nft
    { echo delete table bridge vifguard; cat /run/by-name.nft; } | nft -f -`;
  await inDom0(lab, lab.backend === 'nftables' ? `${records}; ${table}` : records);
}

for (const backend of BACKENDS) {
  test(`${backend}: guests of a version that knew ports by name only stay guarded, come and go`, async (t) => {
    const lab = await startLab(t, { backend });
    const [first, second] = [await guestOf(lab, 1), await guestOf(lab, 2)];
    await first.configureAddresses();
    const passes = async () => {
      t.true(await ping(first, GATEWAY.ip));
      await first.expectDoesNotArrive(spoofed(first), { at: lab.gateway });
    };

    await knowByName(lab);
    const third = await guestOf(lab, 3);
    await passes();
    await assertWell(t, lab);
    t.is((await third.offline()).exitCode, 0);

    await knowByName(lab);
    t.is((await second.offline()).exitCode, 0);
    await passes();
    await assertWell(t, lab);
    if (backend === 'nftables') t.deepEqual(await known(lab), ['vif1.0']);

    await knowByName(lab);
    t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    await passes();
    await inDom0(lab, rename('vif1.0', 'stray'));
    t.regex((await vifguard(lab, ['check'])).stdout, /^vif1\.0: was renamed to stray/);
    t.is((await first.hotplug('offline').result).exitCode, 0);
    t.notRegex(await inDom0(lab, 'ip -o link show stray'), /master/);
  });
}
