import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { dhcp } from './dhcp-client.ts';
import { addresses, fdb, neighbourMac, routes } from './effects.ts';
import { LabError } from './error.ts';
import type { Guest } from './guest.ts';
import { type Lab, type LabOptions, startLab } from './lab.ts';
import { saidReady } from './netns.ts';
import { poll } from './poll.ts';
import { DOM0, GATEWAY } from './segment.ts';
import { discoverRouter, ping, serveDhcp, tcp } from './traffic.ts';
import { observe } from './witness.ts';

const STRANGER = { mac: '00:16:3e:66:66:66', ip: '192.0.2.66', ip6: '2001:db8:0:ffff::66' };

async function labWithGuests(t: ExecutionContext, count: number, options?: LabOptions) {
  const lab = await startLab(t, options);
  const add = (_: unknown, i: number) =>
    lab.guest({ domid: i + 1, name: `web${i + 1}`, ip: `192.0.2.4${i + 1} 2001:db8:0:ffff::4${i + 1}` });
  const guests = await Promise.all(Array.from({ length: count }, add));
  const [first, second = first, third = first] = guests;
  if (first === undefined || second === undefined || third === undefined) throw new LabError('no guests');
  return { lab, guests, first, second, third };
}

const datagram = (src: string, dst: string) =>
  f.ipv4({ src, dst }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker()));

test('a stranger reaches everybody from an unguarded port', async (t) => {
  const { lab, guests, first, second, third } = await labWithGuests(t, 3);
  await Promise.all(guests.map((guest) => guest.onlineUnguarded()));
  const all = { at: [lab.gateway, lab.dom0, second, third] };
  const { mac, ip, ip6 } = STRANGER;
  const broadcast = { src: mac, dst: f.BROADCAST };
  const group = { src: mac, dst: f.multicastMac('ff02::1') };
  const ra = f.routerAdvertisement({ lifetime: 0 }, f.sourceLinkLayer(mac));
  const attacks = {
    'spoofed address': f.ethernet(broadcast, datagram(ip, '192.0.2.255')),
    'spoofed ARP': f.ethernet(
      { ...broadcast, trailer: f.marker() },
      f.arp({ op: f.ARP_REPLY, senderMac: mac, senderIp: ip, targetIp: ip }),
    ),
    'router advertisement': f.ethernet(group, f.ipv6({ src: 'fe80::66', dst: 'ff02::1', hopLimit: 255 }, ra)),
    'VLAN tag': f.ethernet({ ...broadcast, tags: [{ id: 7 }] }, datagram(ip, '192.0.2.255')),
    QinQ: f.ethernet(
      { ...broadcast, tags: [{ id: 7, type: 0x88a8 }, { id: 8 }] },
      f.ipv6({ src: ip6, dst: 'ff02::1' }, f.icmpv6EchoReply(f.marker())),
    ),
    'LLC frame': f.llc({ ...broadcast, dsap: 0xe0, ssap: 0xe0 }, f.marker()),
  };
  for (const [name, frame] of Object.entries(attacks)) {
    await t.notThrowsAsync(first.expectArrives(frame, all), name);
  }
});

test('a frame for one station arrives there and nowhere else', async (t) => {
  const { lab, guests, first, second, third } = await labWithGuests(t, 3);
  await Promise.all(guests.map((guest) => guest.onlineUnguarded()));
  await observe(
    () =>
      second.send(f.ethernet({ src: second.mac, dst: f.BROADCAST }, datagram('192.0.2.42', '192.0.2.255'))),
    [third],
  );
  const witnesses = [lab.gateway, lab.dom0, second, third];
  const to = (mac: string, ip: string) =>
    f.ethernet({ src: first.mac, dst: mac }, datagram('192.0.2.41', ip));
  const frames = [to(GATEWAY.mac, GATEWAY.ip), to(DOM0.mac, DOM0.ip), to(second.mac, '192.0.2.42')];
  const [gateway, dom0, other, bystander] = await first.arrivals(frames, witnesses);
  t.deepEqual(gateway, [true, false, false]);
  t.deepEqual(dom0, [false, true, false]);
  t.deepEqual(other, [false, false, true]);
  t.deepEqual(bystander, [false, false, false]);
});

test('frames to the bridge group addresses reach dom0 past the bridge device', async (t) => {
  const { lab, first } = await labWithGuests(t, 1);
  await first.onlineUnguarded();
  const lldp = f.ethernet({ src: first.mac, dst: f.LLDP_GROUP }, f.lldp(first.mac, 'rogue'));
  const ip = f.ethernet({ src: first.mac, dst: f.LLDP_GROUP }, datagram('192.0.2.41', DOM0.ip));
  for (const frame of [lldp, ip]) {
    await t.notThrowsAsync(first.expectArrives(frame, { at: lab.dom0 }));
    await t.notThrowsAsync(first.expectDoesNotArrive(frame, { at: lab.gateway }));
  }
});

test('arrival is decided without a doubt, again and again, while the machine is busy', async (t) => {
  const { lab, guests, first, second } = await labWithGuests(t, 2);
  await Promise.all(guests.map((guest) => guest.onlineUnguarded()));
  const witnesses = [lab.gateway, lab.dom0, second];
  const noise = f.ethernet({ src: second.mac, dst: f.BROADCAST }, datagram('192.0.2.42', '192.0.2.255'));
  const flood = second.flood(noise, { frames: 20_000 });
  for (let round = 0; round < 300; round++) {
    const frame = f.ethernet({ src: first.mac, dst: f.BROADCAST }, datagram('192.0.2.41', '192.0.2.255'));
    const arrived = await first.arrivals([frame], witnesses);
    if (arrived.some(([seen]) => !seen)) t.fail(`round ${round}: ${JSON.stringify(arrived)}`);
  }
  t.true((await flood).frames >= 20_000);
});

test('expectations fail when they are not met', async (t) => {
  const { lab, first, second } = await labWithGuests(t, 2);
  await first.onlineUnguarded();
  await second.onlineUnguarded();
  const frame = f.ethernet({ src: first.mac, dst: f.BROADCAST }, datagram('192.0.2.41', '192.0.2.255'));
  await t.throwsAsync(first.expectDoesNotArrive(frame, { at: [second, lab.gateway] }), {
    instanceOf: LabError,
    message: /arrived at web2, gateway$/,
  });
  await lab.dom0.namespace.ip('link set vif1.0 nomaster');
  await t.throwsAsync(first.expectArrives(frame, { at: lab.gateway }), {
    message: /did not arrive at gateway$/,
  });
  await lab.dom0.namespace.ip('link set vif2.0 nomaster');
  await t.throwsAsync(first.expectDoesNotArrive(frame, { at: second }), { message: /web2 is blind/ });
});

test('a flood is counted where it arrives, and goes on while the port is away', async (t) => {
  const { lab, first } = await labWithGuests(t, 1);
  await first.onlineUnguarded();
  const mark = f.marker();
  const payload = f.ipv4({ src: '192.0.2.41', dst: GATEWAY.ip }, f.udp({ srcPort: 9, dstPort: 9 }, mark));
  const frame = f.ethernet({ src: first.mac, dst: GATEWAY.mac }, payload);
  const counter = await lab.gateway.nic.count(mark, f.marker());
  const { frames } = await first.flood(frame, { frames: 5000 });
  t.is(frames, 5000);
  t.deepEqual(await counter.stop(), [5000, 0]);
  const again = await lab.gateway.nic.count(mark);
  const flood = first.flood(frame, { seconds: 1 });
  await first.unplug();
  await first.onlineUnguarded();
  await flood;
  const [seen = 0] = await again.stop();
  t.true(seen > 0);
});

test('lawful traffic flows', async (t) => {
  const { lab, guests, first, second } = await labWithGuests(t, 2);
  await Promise.all(guests.map((guest) => guest.onlineUnguarded()));
  await Promise.all(guests.map((guest) => guest.configureAddresses()));
  for (const address of [GATEWAY.ip, GATEWAY.ip6, DOM0.ip, DOM0.ip6, '192.0.2.42', '2001:db8:0:ffff::42']) {
    t.true(await ping(first, address), address);
    t.true(await ping(first, address, { size: 4000 }), `fragments to ${address}`);
  }
  t.false(await ping(first, '192.0.2.250', { count: 1 }));
  t.true(await tcp(first, lab.gateway, GATEWAY.ip6));
  t.true(await tcp(lab.gateway, first, '192.0.2.41'));
  t.true(await tcp(second, first, '2001:db8:0:ffff::41'));
  t.is(await neighbourMac(first.namespace, GATEWAY.ip), GATEWAY.mac);
  t.true(
    (await routes(first.namespace)).some(({ dst, gateway }) => dst === 'default' && gateway === GATEWAY.ip6),
  );
  t.true((await fdb(lab.dom0.namespace)).some(({ mac, ifname }) => mac === first.mac && ifname === 'vif1.0'));
});

test('addresses come by DHCP, DHCPv6 and from router advertisements', async (t) => {
  const { lab, first, second } = await labWithGuests(t, 2);
  await Promise.all([first, second].map((guest) => guest.onlineUnguarded()));
  await Promise.all([first, second].map((guest) => guest.addressesSettled()));
  t.is(await dhcp(first, 'udhcpc'), undefined);
  await serveDhcp(lab);
  t.true(await discoverRouter(first));
  t.is(await dhcp(first, 'udhcpc'), '192.0.2.41');
  t.is(await dhcp(second, 'dhclient'), '192.0.2.42');
  t.is(await dhcp(second, 'dhclient -6'), '2001:db8:0:ffff::42');
  t.true((await addresses(first.namespace, 'eth0')).includes('192.0.2.41/24'));
  t.true((await addresses(second.namespace, 'eth0')).includes('2001:db8:0:ffff::42/64'));
});

test('a duplicate address is detected', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: `192.0.2.41 ${DOM0.ip6}` });
  await guest.onlineUnguarded();
  await t.throwsAsync(guest.configureAddresses(), { message: /duplicate address/ });
});

const SCRIPT = fileURLToPath(new URL('example-script', import.meta.url));

const report = (lab: Lab) => lab.dom0.namespace.run('cat', ['/run/report']);

test("the script is called in libxl's way", async (t) => {
  const lab = await startLab(t, { script: SCRIPT });
  const guest = await lab.guest({ domid: 3, handle: 1, ip: '192.0.2.43', mtu: 1400, vifname: 'web-eth1' });
  const { exitCode, hotplugStatus, hotplugError } = await guest.online();
  t.deepEqual(
    { exitCode, hotplugStatus, hotplugError },
    { exitCode: 0, hotplugStatus: 'connected', hotplugError: undefined },
  );
  const lines = (await report(lab)).split('\n');
  t.is(lines[0], 'online type_if=vif');
  const environment = [
    'vif=vif3.1',
    'XENBUS_TYPE=vif',
    'XENBUS_PATH=backend/vif/3/1',
    'XENBUS_BASE_PATH=backend',
    'netdev=',
  ];
  for (const line of [...environment, `script=${lab.script}`, '/dev/null'])
    t.true(lines.includes(line), line);
  t.false(lines.some((line) => line.startsWith('INTERFACE=')));
  t.true(lines.some((line) => /vif3\.1@.* state DOWN .*fe:ff:ff:ff:ff:ff/.test(line)));
  t.is(await lab.store.read('/local/domain/0/backend/vif/3/1/mtu'), '1400');
  t.is(await lab.store.read('/libxl/3/device/vif/1/vifname'), 'web-eth1');
  t.is(await lab.store.read('/local/domain/3/name'), 'guest3');
  t.is((await guest.offline()).exitCode, 0);
  const after = await report(lab);
  t.true(after.startsWith('offline type_if=vif\n'));
  t.false(after.includes('vif3.1@'));
});

test('an HVM guest has a tap with the same MAC', async (t) => {
  const lab = await startLab(t, { script: SCRIPT });
  const guest = await lab.guest({ domid: 4, type: 'vif_ioemu', ip: '192.0.2.44' });
  t.is((await guest.online()).exitCode, 0);
  t.regex(await report(lab), /^add type_if=tap\n[\s\S]*^INTERFACE=vif4\.0-emu$/m);
  const frame = f.ethernet({ src: guest.mac, dst: f.BROADCAST }, datagram('192.0.2.44', '192.0.2.255'));
  t.deepEqual(await guest.arrivals([frame], [lab.gateway], guest.emulatedNic), [[true]]);
  await guest.offline({ device: 'present' });
  t.regex(await report(lab), /^remove type_if=tap\n[\s\S]*vif4\.0-emu@/);
});

test('a refusal is reported', async (t) => {
  const lab = await startLab(t, { script: SCRIPT });
  const { exitCode, hotplugStatus, hotplugError } = await (await lab.guest({ domid: 9 })).online();
  t.deepEqual(
    { exitCode, hotplugStatus, hotplugError },
    { exitCode: 1, hotplugStatus: 'error', hotplugError: 'no luck' },
  );
});

test('a residue is seen, and none remains of a guest that has gone', async (t) => {
  const lab = await startLab(t, { script: SCRIPT });
  const before = await lab.residue();
  const guest: Guest = await lab.guest({ domid: 1 });
  await guest.online();
  t.notDeepEqual((await lab.residue()).links, before.links);
  await guest.offline();
  await guest.forget();
  await lab.dom0.namespace.run('rm', ['/run/report']);
  t.deepEqual(await lab.residue(), before);
  await leaveTraces(lab);
  const after = await lab.residue();
  for (const kind of ['ebtables', 'ip6tables', 'nftables', 'fdb', 'state files', 'xenstore']) {
    t.notDeepEqual(after[kind], before[kind], kind);
  }
});

async function leaveTraces(lab: Lab): Promise<void> {
  const commands = [
    'ebtables -t nat -A PREROUTING -i vif1.0 -j DROP',
    'ip6tables -t raw -A PREROUTING -j DROP',
    'nft add table bridge left',
    'bridge fdb add 00:16:3e:00:01:00 dev uplink0 master static',
    'mkdir /run/vifguard',
    'echo left >/run/vifguard/state',
  ];
  await lab.dom0.namespace.run('sh', ['-ec', commands.join('\n')]);
  await lab.store.write({ '/local/domain/0/backend/vif/1/0/left': '1' });
}

test('bridges are apart, each with a gateway of its own', async (t) => {
  const lab = await startLab(t, { bridges: ['xenbr0', 'xenbr1'] });
  const guest = await lab.guest({ domid: 1, bridge: 'xenbr1', ip: '192.0.2.41' });
  await guest.onlineUnguarded();
  const frame = f.ethernet({ src: guest.mac, dst: f.BROADCAST }, datagram('192.0.2.41', '192.0.2.255'));
  const { gateway, dom0 } = lab.segment('xenbr1');
  t.deepEqual(await guest.arrivals([frame], [gateway, dom0, lab.gateway, lab.dom0]), [
    [true],
    [true],
    [false],
    [false],
  ]);
});

test('a lab has a /run of its own, and its namespaces end with it', async (t) => {
  const lab = await startLab(t);
  await lab.dom0.namespace.run('ip', ['netns', 'add', 'tenant-a']);
  const other = await startLab(t);
  t.is(await other.dom0.namespace.run('ls', ['/run/netns']), '');
  const { pid } = lab.dom0.namespace;
  await lab.stop();
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

const VICTIM = `
  import { Lab } from '${new URL('lab.ts', import.meta.url)}';
  import { serveDhcp } from '${new URL('traffic.ts', import.meta.url)}';
  const lab = await Lab.open();
  const guest = await lab.guest({ domid: 1 });
  await guest.onlineUnguarded();
  await lab.gateway.capture();
  await serveDhcp(lab);
  console.log('open');
`;

test('a lab ends with its program, however that ends', async (t) => {
  const args = ['--import=tsx', '--input-type=module', '--eval', VICTIM];
  const victim = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await saidReady(victim, 'a program with a lab');
  const { pid } = victim;
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  t.true(children.length > 4);
  victim.kill('SIGKILL');
  // A dead process that nobody has waited for has no command line any more.
  const isGone = (child: string) =>
    readFile(`/proc/${child}/cmdline`, 'utf8').then(
      (line) => line === '',
      () => true,
    );
  await poll('the end of all processes', async () =>
    (await Promise.all(children.map(isGone))).every(Boolean),
  );
  t.pass();
});
