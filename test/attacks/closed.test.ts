import test from 'ava';
import { startLab } from '../lab/lab.ts';
import { because } from './attack.ts';
import { guard, startCast } from './cast.ts';
import { LAWFUL } from './catalogue/lawful.ts';
import { expectDrops } from './prove.ts';

test('a guest whose record is lost is closed, not open, when the next one comes', async (t) => {
  const cast = await startCast(t);
  await guard(cast.guest);
  await cast.lab.exec('rm', ['/run/vifguard/registry.json']);
  await guard(cast.neighbour);
  await expectDrops(t, cast, because('disabled', LAWFUL));
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
