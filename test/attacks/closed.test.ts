import test from 'ava';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

test('guests whose records are lost are closed, not open, when others come', async (t) => {
  const lab = await startLab(t);
  const [first, ...others] = await Promise.all(
    [1, 2, 3].map((domid) => lab.guest({ domid, name: `web${domid}`, ip: `192.0.2.4${domid}` })),
  );
  if (first === undefined) throw new TypeError('three guests were made');
  t.is((await first.online()).exitCode, 0);
  await lab.dom0.namespace.run('sh', ['-c', 'rm /run/vifguard/net-*/host.json']);
  for (const other of others) {
    t.is((await other.online()).exitCode, 0);
    t.regex(await lab.dom0.namespace.run('ip', ['link', 'show', 'vif1.0']), / state DOWN /);
  }
  t.is((await first.online()).exitCode, 0);
  await first.configureAddresses();
  t.true(await ping(first, GATEWAY.ip));
});

test('a refused vif ends closed, and xenstore says why', async (t) => {
  const lab = await startLab(t);
  const owner = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const thief = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.41' });
  t.is((await owner.online()).exitCode, 0);
  const { exitCode, hotplugError, hotplugStatus } = await thief.online();
  t.deepEqual({ exitCode, hotplugStatus }, { exitCode: 1, hotplugStatus: 'error' });
  t.regex(hotplugError ?? '', /192\.0\.2\.41.*web1/);
  const port = await lab.dom0.namespace.run('ip', ['link', 'show', 'vif2.0']);
  t.regex(port, / state DOWN /);
  t.notRegex(port, / master /);
});
