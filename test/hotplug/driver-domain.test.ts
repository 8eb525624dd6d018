import test, { type ExecutionContext } from 'ava';
import { vifguard } from '../cli/vifguard.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

// A domain other than dom0 drives the network (xl-network-configuration(5), backend=): there xl devd runs the
// script. Its way to xenstored is a ring, its paths are relative to its own, and it may read and write what dom0
// lets it.

const DRIVER = 5;

/** Where libxl puts a vif of the driver domain, and who may do what there (libxl__device_generic_add). */
async function announce({ store, script }: Lab, { vif, mac }: Guest): Promise<string> {
  const backend = `/local/domain/${DRIVER}/backend/vif/${vif.domid}/${vif.handle}`;
  const frontend = `/local/domain/${vif.domid}/device/vif/${vif.handle}`;
  await store.rm(`/local/domain/0/backend/vif/${vif.domid}`);
  await store.write({
    [`/local/domain/${DRIVER}/domid`]: `${DRIVER}`,
    [`/local/domain/${DRIVER}/name`]: 'net',
  });
  for (const domid of [DRIVER, vif.domid]) {
    for (const path of ['', '/name', ...(domid === DRIVER ? ['/domid'] : [])])
      await store.chmod(`/local/domain/${domid}${path}`, 'n0', `r${domid}`);
  }
  const keys = {
    mac,
    bridge: vif.bridge,
    ip: vif.ip ?? '',
    script,
    frontend,
    handle: `${vif.handle}`,
    type: 'vif',
  };
  await store.write({ [backend]: '' });
  await store.chmod(backend, `n${DRIVER}`, `r${vif.domid}`);
  for (const [key, value] of Object.entries(keys)) await store.write({ [`${backend}/${key}`]: value });
  await store.chmod(`${frontend}/mtu`, `n${DRIVER}`, `r${vif.domid}`);
  await store.introduce(DRIVER);
  return backend;
}

async function startDriverDomain(t: ExecutionContext, ip: string) {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip });
  const backend = await announce(lab, guest);
  const environment = { XENSTORED_PATH: lab.store.ring };
  const hotplug = (action: 'online' | 'offline') => guest.hotplug(action, { environment }).result;
  return { lab, guest, backend, hotplug, environment };
}

test('a vif of a driver domain is guarded there, and reported below its own path', async (t) => {
  const { lab, guest, backend, hotplug, environment } = await startDriverDomain(t, '192.0.2.41');
  const { exitCode, stderr } = await hotplug('online');
  t.is(exitCode, 0, stderr);
  t.is(await lab.store.read(`${backend}/hotplug-status`), 'connected');
  t.is(await lab.store.read(`${backend}/vifguard/ipv4`), '192.0.2.41');
  t.is(await lab.store.read('/local/domain/1/device/vif/0/mtu'), '1500');
  const [status, check] = await Promise.all(
    ['status', 'check'].map((verb) => vifguard(lab, [verb], { env: environment })),
  );
  t.regex(status?.stdout ?? '', /vif1\.0 +domain 1 .*guarded/);
  t.is(check?.exitCode, 0, check?.stdout);
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  await guest.namespace.ip('addr add 192.0.2.66/24 dev eth0');
  t.false(await ping(guest, GATEWAY.ip, { via: '192.0.2.66' }), 'as another');

  await guest.unplug();
  t.is((await hotplug('offline')).exitCode, 0);
  t.is(await lab.store.read(`${backend}/vifguard/ipv4`), undefined);
  t.notRegex((await lab.residue()).ebtables?.join('\n') ?? '', /vg-/);
  t.deepEqual(await lab.store.list('/local/domain/0/backend/vif'), []);
});

test('what is refused there is said there', async (t) => {
  const { lab, backend, hotplug } = await startDriverDomain(t, '192.0.2.300');
  t.is((await hotplug('online')).exitCode, 1);
  t.is(await lab.store.read(`${backend}/hotplug-status`), 'error');
  t.regex(
    (await lab.store.read(`${backend}/hotplug-error`)) ?? '',
    /^backend\/vif\/1\/0\/ip: "192\.0\.2\.300"/,
  );
});
