import test from 'ava';
import * as f from '../../frames/index.ts';
import type { Guest } from '../../lab/guest.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { GATEWAY } from '../../lab/segment.ts';
import { ping } from '../../lab/traffic.ts';

const TABLE = ['list', 'table', 'bridge', 'vifguard'];
const NFTABLES = { backend: 'nftables' } as const;

const guestOf = (lab: Lab, domid: number) =>
  lab.guest({ domid, name: `web${domid}`, ip: `192.0.2.${domid} 2001:db8:0:ffff::${domid}` });

const rules = async (lab: Lab) => (await lab.exec('nft', ['-s', ...TABLE])).stdout;

/** What the tables say of one port. */
const linesOf = (text: string, port: string) =>
  (text.match(new RegExp(`"${port}"[^,}]*`, 'g')) ?? []).map((element) => element.trim()).sort();

const spoofed = (guest: Guest) =>
  f.ethernet(
    { src: guest.mac, dst: f.BROADCAST },
    f.ipv4({ src: '192.0.2.66', dst: '192.0.2.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker())),
  );

test('online twice changes nothing, offline leaves nothing, and no bridge calls ip6tables', async (t) => {
  const lab = await startLab(t, NFTABLES);
  await lab.dom0.namespace.run('nft', ['add', 'table', 'bridge', 'foreign']);
  const before = await lab.residue();
  const guest = await guestOf(lab, 41);
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  const settled = await lab.residue();
  t.is((await guest.online()).exitCode, 0);
  t.deepEqual((await lab.residue()).nftables, settled.nftables);
  t.true(await ping(guest, GATEWAY.ip));
  t.true(await ping(guest, GATEWAY.ip6, { size: 4000 }));
  t.deepEqual([settled.ebtables, settled.ip6tables], [before.ebtables, before.ip6tables]);
  const bridge = await lab.dom0.namespace.run('ip', ['-d', 'link', 'show', 'xenbr0']);
  t.false(/nf_call_ip6tables 1/.test(bridge));
  t.is((await guest.offline()).exitCode, 0);
  const after = await lab.residue();
  t.deepEqual(after.nftables, before.nftables);
  t.deepEqual(after.fdb, before.fdb);
});

test('an event leaves other ports’ elements alone; the one that goes takes its own, counters too', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const [first, second] = await Promise.all([guestOf(lab, 41), guestOf(lab, 42)]);
  t.is((await first.online()).exitCode, 0);
  const alone = linesOf(await rules(lab), first.device);
  t.true(alone.length > 10);
  t.is((await second.online()).exitCode, 0);
  t.deepEqual(linesOf(await rules(lab), first.device), alone);
  await second.expectDoesNotArrive(spoofed(second), { at: lab.gateway });
  t.regex(await rules(lab), new RegExp(`set drop/from/ipv4-spoof \\{[^}]*"${second.device}"`));
  t.is((await second.offline()).exitCode, 0);
  const left = await rules(lab);
  t.deepEqual(linesOf(left, second.device), []);
  t.deepEqual(linesOf(left, first.device), alone);
});

test('a table that is lost is there again after the next event; what others have made stays', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const [first, second] = await Promise.all([guestOf(lab, 41), guestOf(lab, 42)]);
  t.is((await first.online()).exitCode, 0);
  const whole = linesOf(await rules(lab), first.device);
  await lab.dom0.namespace.run('nft', ['delete', 'table', 'bridge', 'vifguard']);
  await lab.dom0.namespace.run('nft', ['add', 'table', 'bridge', 'foreign']);
  t.is((await second.online()).exitCode, 0);
  t.deepEqual(linesOf(await rules(lab), first.device), whole);
  await first.expectDoesNotArrive(spoofed(first), { at: lab.gateway });
  t.regex((await lab.exec('nft', ['list', 'tables'])).stdout, /table bridge foreign/);
});

test('guards stay with the backend that installed them, whatever the config says by then', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const [first, second] = await Promise.all([guestOf(lab, 41), guestOf(lab, 42)]);
  t.is((await first.online()).exitCode, 0);
  await lab.writeFile('vif-guard.conf', 'backend = "xtables"\n');
  t.is((await second.online()).exitCode, 0);
  t.not(linesOf(await rules(lab), second.device).length, 0);
  t.is((await first.offline()).exitCode, 0);
  t.is((await second.offline()).exitCode, 0);
  t.is((await lab.exec('nft', TABLE)).exitCode, 1);
  await second.plug();
  t.is((await second.online()).exitCode, 0);
  t.is((await lab.exec('nft', TABLE)).exitCode, 1);
});

test('a guarded port whose class is emptied is closed', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const guest = await guestOf(lab, 41);
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  const [root = ''] = /class-\w+\/from(?= \{)/.exec(await rules(lab)) ?? [];
  await lab.dom0.namespace.run('nft', ['flush', 'chain', 'bridge', 'vifguard', root]);
  t.false(await ping(guest, GATEWAY.ip, { count: 1 }));
});

test('32 ports at once', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const before = await lab.residue();
  const guests = await Promise.all(Array.from({ length: 32 }, (_, i) => guestOf(lab, 41 + i)));
  const online = await Promise.all(guests.map((guest) => guest.online()));
  t.deepEqual(
    online.map(({ exitCode, stderr }) => [exitCode, stderr]),
    guests.map(() => [0, '']),
  );
  const offline = await Promise.all(guests.map((guest) => guest.offline()));
  t.true(offline.every(({ exitCode }) => exitCode === 0));
  t.deepEqual((await lab.residue()).nftables, before.nftables);
});

/** A DHCPv6 server's message whose first fragment ends before its UDP header; what follows is a trailer. */
test('an upper-layer header in the trailer of a first fragment is none', async (t) => {
  const lab = await startLab(t, NFTABLES);
  const guest = await guestOf(lab, 41);
  const header = { src: '2001:db8:0:ffff::41', dst: 'ff02::1', hopLimit: 255 };
  const payload = f.udp({ srcPort: 9, dstPort: 9 }, f.marker());
  const options = f.ipv6(
    { ...header, extensions: [f.fragment({ offset: 0, more: true, id: 9 }), f.destinationOptions()] },
    payload,
  );
  const frame = Buffer.from(f.ethernet({ src: guest.mac, dst: f.multicastMac('ff02::1') }, options));
  frame.writeUInt16BE(16, 18); // The payload: the Fragment header and the options, and no UDP header.
  await guest.onlineUnguarded();
  await t.notThrowsAsync(guest.expectArrives(frame, { at: lab.gateway }));
  await guest.offline();
  await guest.plug();
  t.is((await guest.online()).exitCode, 0);
  await t.notThrowsAsync(guest.expectDoesNotArrive(frame, { at: lab.gateway }));
});
