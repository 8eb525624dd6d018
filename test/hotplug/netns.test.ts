import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Namespace } from '../lab/netns.ts';
import { Nic } from '../lab/nic.ts';
import { GATEWAY, QUIET } from '../lab/segment.ts';
import { among } from '../lab/witness.ts';

// A bridge in a network namespace of dom0's: `bridge=tenant-a/br0`.

interface Tenant {
  readonly lab: Lab;
  /** Beyond the uplink of the tenant's bridge. */
  readonly gateway: Nic;
  /** Runs a command in the tenant's namespace. */
  readonly run: (...command: string[]) => Promise<string>;
}

async function startTenant(t: ExecutionContext): Promise<Tenant> {
  const lab = await startLab(t);
  const gateway = await Namespace.start("the tenant's gateway", QUIET);
  t.teardown(() => gateway.stop());
  const dom0 = lab.dom0.namespace;
  await dom0.run('ip', ['netns', 'add', 'tenant-a']);
  await dom0.ip(
    `link add uplink9 netns tenant-a type veth peer name eth0 address ${GATEWAY.mac} netns ${gateway.pid}`,
  );
  const run = (...command: string[]) => dom0.run('ip', ['netns', 'exec', 'tenant-a', ...command]);
  await run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  await run('ip', 'link', 'set', 'uplink9', 'master', 'br0', 'up');
  await run('ip', 'link', 'set', 'br0', 'up');
  await gateway.ip('link set eth0 up');
  return { lab, gateway: new Nic(gateway, 'eth0'), run };
}

const datagram = (src: string) =>
  f.ipv4({ src, dst: '192.0.2.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker()));

/** Of a spoofed frame and a lawful one behind it: whether the spoofed one arrives, too. */
async function spoofedArrives(guest: Guest, gateway: Nic): Promise<boolean> {
  const [spoofed, lawful] = ['192.0.2.66', '192.0.2.41'].map((src) =>
    f.ethernet({ src: guest.mac, dst: f.BROADCAST }, datagram(src)),
  ) as [f.Bytes, f.Bytes];
  const capture = await gateway.capture();
  const { cursor } = capture;
  await guest.send(spoofed, lawful);
  await capture.waitFor((frame) => among([frame])(lawful), cursor);
  return among(capture.since(cursor))(spoofed);
}

test('a control: unguarded on the bridge of a namespace, a spoofed frame arrives', async (t) => {
  const { lab, gateway, run } = await startTenant(t);
  const guest = await lab.guest({ domid: 1, name: 'web1', bridge: 'tenant-a/br0', ip: '192.0.2.41' });
  await lab.dom0.namespace.ip('link set vif1.0 netns tenant-a');
  await run('ip', 'link', 'set', 'vif1.0', 'master', 'br0', 'up');
  t.true(await spoofedArrives(guest, gateway));
});

test('a port is moved to the namespace of its bridge and guarded there, and nothing remains', async (t) => {
  const { lab, gateway, run } = await startTenant(t);
  const [links, tables] = [await run('ip', '-o', 'link'), await lab.residue()];
  const guest = await lab.guest({ domid: 1, name: 'web1', bridge: 'tenant-a/br0', ip: '192.0.2.41' });
  const { exitCode, stderr, hotplugStatus } = await guest.online();
  t.is(exitCode, 0, stderr);
  t.is(hotplugStatus, 'connected');
  t.false(await spoofedArrives(guest, gateway));
  t.regex(await run('ebtables-save'), /vg-in:vif1\.0/);
  t.deepEqual((await lab.residue()).ebtables, tables.ebtables);
  t.is(await lab.store.read('/local/domain/0/backend/vif/1/0/vifguard/mode'), 'locked');

  t.is((await guest.online()).exitCode, 0, 'twice');
  t.false(await spoofedArrives(guest, gateway));

  t.is((await guest.offline()).exitCode, 0);
  t.notRegex(await run('ebtables-save'), /vg-/);
  t.is(await run('ip', '-o', 'link'), links);
  t.is(await lab.store.read('/local/domain/0/backend/vif/1/0/vifguard/mode'), undefined);
});

test('a bridge that the namespace does not have is refused, and the port is down', async (t) => {
  const { lab, run } = await startTenant(t);
  const guest = await lab.guest({ domid: 1, bridge: 'tenant-a/br7', ip: '192.0.2.41' });
  const { exitCode, hotplugError = '' } = await guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError, /"br7" does not exist/);
  t.regex(await run('ip', '-o', 'link', 'show', 'vif1.0'), /state DOWN/);
  t.is((await guest.offline()).exitCode, 0);
});

test('what is killed in the namespace is an error that xl prints', async (t) => {
  const { lab } = await startTenant(t);
  const guest = await lab.guest({ domid: 1, bridge: 'tenant-a/br0', ip: '192.0.2.41' });
  const killed =
    "mount -t tmpfs tmpfs /usr/local/sbin; printf '#!/bin/sh\\nkill -9 $$\\n' >/usr/local/sbin/nsenter";
  await lab.dom0.namespace.run('sh', ['-ec', `${killed}; chmod +x /usr/local/sbin/nsenter`]);
  const { exitCode, hotplugError = '' } = await guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError, /^vif-guard in network namespace tenant-a was ended by SIGKILL/);
});

test('tenants may use the same addresses, and offline is well when the namespace is gone', async (t) => {
  const { lab } = await startTenant(t);
  const tenants = await lab.guest({ domid: 1, name: 'web1', bridge: 'tenant-a/br0', ip: '192.0.2.41' });
  const own = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.41' });
  t.is((await tenants.online()).exitCode, 0);
  t.is((await own.online()).exitCode, 0);
  await lab.dom0.namespace.run('ip', ['netns', 'delete', 'tenant-a']);
  t.is((await tenants.hotplug('offline').result).exitCode, 0);
});
