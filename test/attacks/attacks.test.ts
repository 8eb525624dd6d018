import test from 'ava';
import { startLab } from '../lab/lab.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping, tcp } from '../lab/traffic.ts';
import { ATTACKS } from './catalogue.ts';

test('every attack arrives from an unguarded port, and none from a guarded one', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  const witnesses = [lab.gateway, lab.dom0];
  await guest.onlineUnguarded();
  for (const { name, frame } of ATTACKS) {
    await t.notThrowsAsync(guest.expectArrives(frame(guest), { at: witnesses }), `control: ${name}`);
  }
  await guest.offline();
  await guest.plug();
  const { exitCode, stderr, hotplugStatus } = await guest.online();
  t.is(exitCode, 0, stderr);
  t.is(hotplugStatus, 'connected');
  for (const { name, frame } of ATTACKS) {
    await t.notThrowsAsync(guest.expectDoesNotArrive(frame(guest), { at: witnesses }), name);
  }
});

test('a guarded guest has its lawful traffic, online twice changes nothing, offline leaves nothing', async (t) => {
  const lab = await startLab(t);
  const before = await lab.residue();
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  const settled = await lab.residue();
  t.is((await guest.online()).exitCode, 0);
  const again = await lab.residue();
  t.deepEqual([again.ebtables, again.ip6tables], [settled.ebtables, settled.ip6tables]);
  for (const address of [GATEWAY.ip, GATEWAY.ip6, DOM0.ip, DOM0.ip6]) {
    t.true(await ping(guest, address), address);
    t.true(await ping(guest, address, { size: 4000 }), `${address}, fragments`);
  }
  t.true(await tcp(guest, lab.gateway, GATEWAY.ip));
  t.true(await tcp(guest, lab.gateway, GATEWAY.ip6));
  t.is((await guest.offline()).exitCode, 0);
  const after = await lab.residue();
  t.deepEqual(after.fdb, before.fdb);
  t.false(JSON.stringify([after.ebtables, after.ip6tables]).includes('vg-'));
});

test('a refused vif ends closed, and xenstore says why', async (t) => {
  const lab = await startLab(t);
  const first = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const thief = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.41' });
  t.is((await first.online()).exitCode, 0);
  const refused = await thief.online();
  t.is(refused.exitCode, 1);
  t.regex(refused.hotplugError ?? '', /192\.0\.2\.41.*web1/);
  t.is(refused.hotplugStatus, 'error');
});

test('a guest whose record is lost is closed, not open, when the next one comes', async (t) => {
  const lab = await startLab(t);
  const first = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const second = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' });
  t.is((await first.online()).exitCode, 0);
  await lab.dom0.namespace.run('sh', ['-c', 'rm /run/vifguard/net-*/registry.json']);
  t.is((await second.online()).exitCode, 0);
  for (const { name, frame } of ATTACKS.slice(0, 2)) {
    await t.notThrowsAsync(first.expectDoesNotArrive(frame(first), { at: [lab.gateway, lab.dom0] }), name);
  }
});
