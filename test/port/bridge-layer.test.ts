import test from 'ava';
import { vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { fdb } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { startLab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

/**
 * A frame from beyond the uplink, or one of the guest's own that a switch sends back; then the port that holds
 * the guest's MAC.
 */
async function portAfterReflection(guest: Guest): Promise<string | undefined> {
  const payload = f.ipv4({ src: '192.0.2.41', dst: GATEWAY.ip }, f.icmpEchoReply(f.marker()));
  await guest.lab.gateway.nic.send(f.ethernet({ src: guest.mac, dst: f.BROADCAST }, payload));
  const entries = await fdb(guest.lab.dom0.namespace);
  return entries.find((entry) => entry.mac === guest.mac && entry.master !== undefined)?.ifname;
}

test("a frame from the uplink with the guest's MAC does not take the guest's place", async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41' });
  await guest.onlineUnguarded();
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  // The guest's own ND and MLD, which follow an address by seconds, win the place back.
  await poll(
    'the MAC moving to uplink0, unguarded,',
    async () => (await portAfterReflection(guest)) === 'uplink0',
  );

  await guest.offline();
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  for (let times = 0; times < 10; times++) t.is(await portAfterReflection(guest), 'vif1.0');
  t.true(await ping(guest, GATEWAY.ip));
});

test('a further MAC that is taken away from a guest is no longer let through by the bridge', async (t) => {
  const lab = await startLab(t);
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  const config = (directives: string) =>
    lab.writeFile('web1.cfg', `name = 'web1'\nvif = [ 'bridge=xenbr0' ]\nvifguard = [ '${directives}' ]\n`);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const pinned = async () =>
    (await fdb(lab.dom0.namespace))
      .filter(({ ifname, state }) => ifname === 'vif1.0' && state === 'static')
      .map(({ mac }) => mac)
      .sort();
  await config('mac=00:16:3e:00:00:99');
  t.is((await guest.online()).exitCode, 0);
  t.deepEqual(await pinned(), ['00:16:3e:00:00:99', guest.mac]);
  await config('');
  t.is((await guest.online()).exitCode, 0);
  t.deepEqual(await pinned(), [guest.mac]);
});

test("a MAC of dom0's own is refused, whichever device of the bridge has it, and dom0 keeps it", async (t) => {
  const lab = await startLab(t);
  const [uplink] = JSON.parse(await lab.dom0.namespace.run('ip', ['-j', 'link', 'show', 'uplink0']));
  const owner = async () =>
    (await fdb(lab.dom0.namespace))
      .filter(({ mac, master }) => mac === uplink.address && master !== undefined)
      .map(({ ifname, state }) => `${ifname} ${state}`);
  t.deepEqual(await owner(), ['uplink0 permanent']);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41', mac: uplink.address });
  const { exitCode, hotplugError = '' } = await guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError, /^MAC \S+ is that of dom0's own uplink0; give the guest another in the vif spec/);
  t.deepEqual(await owner(), ['uplink0 permanent']);
});

test("nor has a guest whose port learns, as a virtual router's does, a MAC of dom0's", async (t) => {
  const lab = await startLab(t);
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  await lab.writeFile('web1.cfg', `vif = [ '' ]\nvifguard = [ 'vrrp=51 192.0.2.200' ]\n`);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41', mac: DOM0.mac });
  const { exitCode, hotplugError = '' } = await guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError, /^MAC 02:00:00:00:00:02 is that of dom0's own xenbr0/);
});

test("a guest's MAC that somebody gave to dom0, on the guest's own port, is the guest's again by host up", async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41' });
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  const give = ['fdb', 'replace', guest.mac, 'dev', 'vif1.0', 'master', 'permanent'];
  await lab.dom0.namespace.run('bridge', give);
  t.false(await ping(guest, GATEWAY.ip));
  t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
  // The guest may still be waiting for the ARP answer that was lost.
  await poll('the guest is heard', () => ping(guest, GATEWAY.ip));
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});
