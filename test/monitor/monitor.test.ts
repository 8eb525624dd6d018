import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import { REASONS } from '../../src/rules/reason.ts';
import { guardedGuest, useDomainConfigs, VIFGUARD, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { startWatcher } from '../watch/watcher.ts';
import { startMonitor } from './monitoring.ts';

const WEB1 = { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' };
const WEB2 = { domid: 2, name: 'web2', ip: '192.0.2.42 2001:db8:0:ffff::42' };

interface Scene {
  readonly lab: Lab;
  readonly web1: Guest;
  readonly web2: Guest;
}

/** Two guests, and a router that dom0 knows. */
async function startScene(t: ExecutionContext, backend: BackendName): Promise<Scene> {
  const lab = await startLab(t, { backend });
  await useDomainConfigs(lab);
  await lab.dom0.namespace.ip(`route add default via ${GATEWAY.ip}`, `route add default via ${GATEWAY.ip6}`);
  return { lab, web1: await guardedGuest(lab, WEB1), web2: await guardedGuest(lab, WEB2, 'dom0=icmp') };
}

const reply = (guest: Guest, senderIp: string, senderMac = guest.mac) =>
  f.ethernet(
    { src: guest.mac, dst: f.BROADCAST },
    f.arp({ op: f.ARP_REPLY, senderMac, senderIp, targetIp: '192.0.2.9' }),
  );
const probe = (guest: Guest, targetIp: string) =>
  f.ethernet(
    { src: guest.mac, dst: f.BROADCAST },
    f.arp({ op: f.ARP_REQUEST, senderMac: guest.mac, senderIp: '0.0.0.0', targetIp }),
  );
const advertisement = (guest: Guest, target: string) =>
  f.ethernet(
    { src: guest.mac, dst: f.multicastMac('ff02::1') },
    f.ipv6(
      { src: guest.addresses.ip6 ?? '', dst: 'ff02::1', hopLimit: 255 },
      f.neighborAdvertisement({ target }, f.targetLinkLayer(guest.mac)),
    ),
  );
const datagram = (src: string, dst: string, dstPort = 9) =>
  f.ipv4({ src, dst }, f.udp({ srcPort: 9, dstPort }, f.marker()));

/** What web2 sends, and the line of each: of one reason not more than the monitor shows at once. */
function attacks(web2: Guest, web1: Guest): readonly (readonly [frame: f.Bytes, line: string])[] {
  const from = { src: web2.mac, dst: GATEWAY.mac };
  return [
    [reply(web2, GATEWAY.ip), 'arp-spoof · claims 192.0.2.1 (gateway)'],
    [reply(web2, '192.0.2.41'), 'arp-spoof · claims 192.0.2.41 (web1)'],
    [probe(web2, DOM0.ip), 'arp-spoof · probes for 192.0.2.2 (dom0)'],
    [
      f.ethernet({ ...from, src: web1.mac }, datagram('192.0.2.42', GATEWAY.ip)),
      'mac-spoof · claims 00:16:3e:00:01:00 (web1)',
    ],
    [
      f.ethernet({ ...from, src: DOM0.mac }, datagram('192.0.2.42', GATEWAY.ip)),
      `mac-spoof · claims ${DOM0.mac} (dom0)`,
    ],
    [f.ethernet(from, datagram('192.0.2.66', GATEWAY.ip)), 'ipv4-spoof · claims 192.0.2.66'],
    [advertisement(web2, GATEWAY.ip6), 'nd-spoof · claims 2001:db8:0:ffff::1 (gateway)'],
    [advertisement(web2, 'fe80::216:3eff:fe00:100'), 'nd-spoof · claims fe80::216:3eff:fe00:100 (web1)'],
    [
      f.ethernet(
        { ...from, dst: f.multicastMac('ff02::1') },
        f.ipv6({ src: 'fe80::216:3eff:fe00:200', dst: 'ff02::1', hopLimit: 255 }, f.routerAdvertisement({})),
      ),
      'router-advert · icmp6 ra fe80::216:3eff:fe00:200 > ff02::1',
    ],
    [
      f.ethernet(
        { ...from, dst: f.BROADCAST },
        f.ipv4(
          { src: '192.0.2.42', dst: '255.255.255.255' },
          f.udp({ srcPort: 67, dstPort: 68 }, f.marker()),
        ),
      ),
      'dhcp-server · udp 192.0.2.42:67 > 255.255.255.255:68',
    ],
    [
      f.ethernet({ ...from, tags: [{ id: 7 }] }, datagram('192.0.2.42', GATEWAY.ip)),
      'vlan-tag · tagged (ethertype 0x8100)',
    ],
    [
      f.ethernet({ src: web2.mac, dst: DOM0.mac }, datagram('192.0.2.42', DOM0.ip, 22)),
      'dom0-access · udp 192.0.2.42:9 > 192.0.2.2:22',
    ],
  ];
}

for (const backend of BACKENDS) {
  test(`${backend}: each attack is a line that says what is wrong, and whose it is`, async (t) => {
    const { lab, web1, web2 } = await startScene(t, backend);
    const monitor = await startMonitor(lab);
    const all = attacks(web2, web1);
    await web2.send(...all.map(([frame]) => frame));
    for (const [, line] of all) await monitor.shows(`vif2.0 web2 · ${line}`);
    t.is(monitor.lines.length, all.length, monitor.lines.join('\n'));
    t.is(await monitor.end(), 0);
  });
}

/** Frames that the guards drop in different hooks and tables, and how the line of each begins. */
const HIDING: readonly (readonly [frame: (guest: Guest) => f.Bytes, line: string])[] = [
  [(guest) => reply(guest, GATEWAY.ip), 'arp-spoof · '],
  [(guest) => advertisement(guest, GATEWAY.ip6), 'nd-spoof · '],
  // Slow protocols (LACP): the only hook that sees these is the last before dom0.
  [
    (guest) => f.ethernet({ src: guest.mac, dst: '01:80:c2:00:00:02' }, datagram('192.0.2.9', DOM0.ip)),
    'unfiltered · ',
  ],
];

for (const backend of BACKENDS) {
  test(`${backend}: a guest that floods hides no other guest’s drop of the same reason`, async (t) => {
    const { lab, web1, web2 } = await startScene(t, backend);
    const monitor = await startMonitor(lab);
    const shows = (text: string) => monitor.shows(new RegExp(`^${text}`));
    for (const [frame, line] of HIDING) {
      const flood = web1.flood(frame(web1), { seconds: 3 });
      await shows(`vif1.0 web1 · ${line}`);
      await sleep(500);
      const sent = web2.send(frame(web2)).then(() => 'sent');
      t.is(await Promise.race([sent, flood]), 'sent');
      await shows(`vif2.0 web2 · ${line}`);
      t.true((await flood).frames > 10_000);
    }
    t.deepEqual(monitor.errors.slice(1), []);
    t.is(await monitor.end(), 0);
  });
}

for (const backend of BACKENDS) {
  test(`${backend}: a flood is not shown frame by frame, and hides no drop of another reason`, async (t) => {
    const { lab, web1 } = await startScene(t, backend);
    const monitor = await startMonitor(lab);
    const flood = web1.flood(reply(web1, GATEWAY.ip), { seconds: 3 });
    await monitor.shows('vif1.0 web1 · arp-spoof · claims 192.0.2.1 (gateway)');
    await sleep(500);
    const foreign = f.ethernet(
      { src: '00:16:3e:00:00:99', dst: f.BROADCAST },
      f.arp({ op: f.ARP_REQUEST, senderMac: web1.mac, senderIp: '192.0.2.41', targetIp: '192.0.2.1' }),
    );
    const sent = web1.send(foreign).then(() => 'sent');
    t.is(await Promise.race([sent, flood]), 'sent');
    await monitor.shows(/^vif1\.0 web1 · mac-spoof · /);
    t.true((await flood).frames > 10_000);
    await monitor.shows(/^vif1\.0 web1 · arp-spoof · \d+ more logged$/);
    const ofFlood = monitor.lines.filter((line) => line.startsWith('vif1.0 web1 · arp-spoof')).length;
    t.true(ofFlood < 15, monitor.lines.join('\n'));
    t.deepEqual(monitor.errors.slice(1), []);
    t.is(await monitor.end(), 0);
  });
}

/** What every guest hears of and none is meant by. */
const FOR_ANOTHER = f.ethernet(
  { src: GATEWAY.mac, dst: f.BROADCAST },
  f.arp({ op: f.ARP_REQUEST, senderMac: GATEWAY.mac, senderIp: GATEWAY.ip, targetIp: '192.0.2.99' }),
);

for (const backend of BACKENDS) {
  test(`${backend}: one guest alone, in JSON`, async (t) => {
    const { lab, web1, web2 } = await startScene(t, backend);
    const monitor = await startMonitor(lab, 'web1', '--json');
    const frame = reply(web1, '192.0.2.42');
    await lab.gateway.nic.send(FOR_ANOTHER);
    await web2.send(reply(web2, GATEWAY.ip));
    await web1.send(...Array.from({ length: 5 }, () => frame));
    await monitor.shows(/"more":2/);
    t.is(monitor.lines.length, 4);
    const [first, , , last] = monitor.lines.map((line) => JSON.parse(line));
    const { time, ...rest } = first;
    t.true(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    const guest = { port: 'vif1.0', domain: 'web1', domid: 1 };
    const kind = { way: 'from', reason: 'arp-spoof', meaning: REASONS['arp-spoof'] };
    t.deepEqual(rest, {
      ...guest,
      ...kind,
      words: 'claims 192.0.2.42 (web2)',
      claimed: '192.0.2.42',
      holder: 'web2',
      frame: `${web1.mac} > ff:ff:ff:ff:ff:ff, arp 192.0.2.42 is-at ${web1.mac}`,
      hex: Buffer.from(frame).toString('hex'),
      more: null,
    });
    const nothing = { words: null, claimed: null, holder: null, frame: null, hex: null };
    t.deepEqual({ ...last, time }, { time, ...guest, ...kind, ...nothing, more: 2 });
    t.is(await monitor.end(), 0);
  });

  test(`${backend}: what is kept from a guest, when asked for, while another program watches`, async (t) => {
    const { lab, web1 } = await startScene(t, backend);
    await lab.dom0.namespace.run('ping', ['-c1', '-W5', GATEWAY.ip]);
    const watcher = await startWatcher(lab);
    const monitor = await startMonitor(lab, 'vif1.0', '--all');
    await lab.gateway.nic.send(FOR_ANOTHER);
    await monitor.shows('vif1.0 web1 · not-for-guest · from gateway: arp who-has 192.0.2.99 tell 192.0.2.1');
    await web1.send(reply(web1, DOM0.ip));
    await monitor.shows('vif1.0 web1 · arp-spoof · claims 192.0.2.2 (dom0)');
    const second = await vifguard(lab, ['monitor']);
    t.is(second.exitCode, 1);
    t.regex(
      second.stderr,
      /^vifguard: the kernel logs drops to one listener at a time, and process \d+ \(.*vifguard\.cjs monitor vif1\.0 --all\) is it; end that one first: NFLOG group 22087$/,
    );
    t.is(await monitor.end(), 0);
    const third = await startMonitor(lab);
    t.is(await third.end(), 0);
    t.is(await watcher.end(), 0);
  });
}

test('what goes through is no drop', async (t) => {
  const { lab, web1 } = await startScene(t, 'xtables');
  await web1.configureAddresses();
  const monitor = await startMonitor(lab, 'web1');
  t.true(await ping(web1, GATEWAY.ip));
  t.true(await ping(web1, GATEWAY.ip6, { size: 4000 }));
  await web1.send(reply(web1, DOM0.ip));
  await monitor.shows(/arp-spoof/);
  t.is(monitor.lines.length, 1, monitor.lines.join('\n'));
});

test('a name that nobody has is refused, with the one that is meant', async (t) => {
  const { lab } = await startScene(t, 'xtables');
  const { exitCode, stderr } = await vifguard(lab, ['monitor', 'wbe1']);
  t.is(exitCode, 2);
  t.regex(stderr, /^vifguard: no guarded port is called "wbe1"; did you mean "web1"\? .*$/);
});

test('it ends with who reads it', async (t) => {
  const { lab, web1 } = await startScene(t, 'xtables');
  const reading = lab.exec('sh', ['-c', `${VIFGUARD} monitor 2>${lab.dir}/errors | head -n1`]);
  await poll(
    'the start of the monitor',
    async () => (await readFile(`${lab.dir}/errors`, 'utf8').catch(() => '')) !== '',
  );
  const sending = setInterval(() => void web1.send(reply(web1, GATEWAY.ip), reply(web1, DOM0.ip)), 300);
  const { stdout } = await reading;
  clearInterval(sending);
  t.is(stdout, 'vif1.0 web1 · arp-spoof · claims 192.0.2.1 (gateway)');
  t.false(/Error/.test(await readFile(`${lab.dir}/errors`, 'utf8')));
});
