import test from 'ava';
import { execa } from 'execa';
import { InputError } from '../../src/errors.ts';
import type { StoreView } from '../../src/xenstore/client.ts';
import { XenstoreError } from '../../src/xenstore/error.ts';
import { parseVifPath, readVifRecord } from '../../src/xenstore/vif-record.ts';
import { publish, unpublish, writeHotplugError } from '../../src/xenstore/vif-report.ts';
import { startStore } from './store.ts';

const PATH = 'backend/vif/7/1';

/** What libxl writes for one vif before it runs the script. */
const WRITTEN = {
  'backend/vif/7/1/frontend': '/local/domain/7/device/vif/1',
  'backend/vif/7/1/frontend-id': '7',
  'backend/vif/7/1/online': '1',
  'backend/vif/7/1/state': '1',
  'backend/vif/7/1/script': '/etc/xen/scripts/vif-guard',
  'backend/vif/7/1/mac': '00:16:3e:38:b4:ac',
  'backend/vif/7/1/ip': '192.0.2.43 $(reboot) 2001:db8::60',
  'backend/vif/7/1/bridge': 'xenbr0',
  'backend/vif/7/1/vifname': 'web0',
  'backend/vif/7/1/mtu': '1400',
  'backend/vif/7/1/handle': '1',
  'backend/vif/7/1/type': 'vif',
  '/local/domain/7/name': 'web',
  '/local/domain/7/device/vif/1/mac': '00:16:3e:66:66:66',
  '/local/domain/0/domid': '0',
};

const RECORD = {
  backendPath: PATH,
  domid: 7,
  handle: 1,
  isGone: false,
  mac: '00:16:3e:38:b4:ac',
  ip: '192.0.2.43 $(reboot) 2001:db8::60',
  bridge: 'xenbr0',
  vifname: 'web0',
  mtu: '1400',
  frontend: '/local/domain/7/device/vif/1',
  domainName: 'web',
};

test('a record is what libxl wrote, the MAC from the backend and not from the guest', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write(WRITTEN);
  t.deepEqual(await readVifRecord(client, PATH), RECORD);
  const backendPath = `/local/domain/0/${PATH}`;
  t.deepEqual(await readVifRecord(client, backendPath), { ...RECORD, backendPath });
});

test('the record of a vif that is gone has the numbers of its path only', async (t) => {
  const { client } = await startStore(t);
  t.deepEqual(await readVifRecord(client, PATH), {
    backendPath: PATH,
    domid: 7,
    handle: 1,
    isGone: true,
  });
});

test('a record is asked for in one round trip: nothing waits for an answer', (t) => {
  const asked: string[] = [];
  const never = new Promise<never>(() => undefined);
  const view = {
    read: (path: string) => {
      asked.push(path);
      return never;
    },
    readAll: (paths: readonly string[]) => {
      asked.push(...paths);
      return never;
    },
  };
  void readVifRecord(view as unknown as StoreView, PATH);
  const { backendPath, domid, handle, isGone, domainName, ...values } = RECORD;
  const needed = [PATH, ...Object.keys(values).map((key) => `${PATH}/${key}`), '/local/domain/7/name'];
  t.deepEqual(
    needed.filter((path) => !asked.includes(path)),
    [],
  );
});

test('only the path of a vif is taken for one', (t) => {
  t.deepEqual(parseVifPath('backend/vif/12/3'), { domid: 12, handle: 3 });
  t.deepEqual(parseVifPath('/local/domain/4/backend/vif/12/3'), { domid: 12, handle: 3 });
  const wrong = [
    '',
    'backend/vif/1',
    'backend/vbd/1/0',
    'backend/vif/1/0/',
    'backend/vif/1/0\n',
    'backend/vif/a/0',
    'backend/vif/../0',
    'x/backend/vif/1/0',
    '/backend/vif/1/0',
    'backend/vif/123456/0',
  ];
  for (const path of wrong) t.throws(() => parseVifPath(path), { instanceOf: InputError }, path);
});

test('why a port failed is where libxl looks for it, and the guest does not', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write(WRITTEN);
  await execa('xenstore-chmod', [PATH, 'n0', 'r7'], { env: xs.env });
  await writeHotplugError(client, PATH, `bridge "xenbr9" does not exist\n\x1b[2J${'.'.repeat(5000)}`);
  t.is(await xs.read(`${PATH}/hotplug-status`), 'error');
  const text = await xs.read(`${PATH}/hotplug-error`);
  t.true(text?.startsWith('bridge "xenbr9" does not exist [2J...'));
  t.is(text?.length, 1000);
  const permissions = await client.getPerms(`${PATH}/hotplug-error`);
  t.deepEqual(permissions, [{ access: 'n', domid: 0 }]);
});

test('what is published replaces what was, is as readable as the vif, and is taken back', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write(WRITTEN);
  await execa('xenstore-chmod', [PATH, 'n0', 'r7'], { env: xs.env });
  await publish(client, PATH, { mode: 'locked', ipv4: '192.0.2.43' });
  await publish(client, PATH, { mode: 'disabled', 'a/b': '' });
  t.deepEqual((await xs.list(`${PATH}/vifguard`)).sort(), ['a', 'mode']);
  t.is(await xs.read(`${PATH}/vifguard/mode`), 'disabled');
  t.deepEqual(await client.getPerms(`${PATH}/vifguard/mode`), [
    { access: 'n', domid: 0 },
    { access: 'r', domid: 7 },
  ]);
  await unpublish(client, PATH);
  await unpublish(client, PATH);
  t.is(await xs.read(`${PATH}/vifguard`), undefined);
  t.is(await xs.read(`${PATH}/mac`), RECORD.mac);
});

test('nothing is written for a vif that is gone: half of it would come back', async (t) => {
  const { xs, client } = await startStore(t);
  const works = [writeHotplugError(client, PATH, 'no'), publish(client, PATH, { mode: 'locked' })];
  for (const work of works) {
    await t.throwsAsync(work, { instanceOf: XenstoreError, code: 'ENOENT', message: /the vif is gone/ });
  }
  await unpublish(client, PATH);
  t.is(await xs.read('backend'), undefined);
});

test('one value too long, and nothing of the rest is published', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write(WRITTEN);
  const entries = { mode: 'locked', long: 'x'.repeat(5000) };
  await t.throwsAsync(publish(client, PATH, entries), { code: 'E2BIG' });
  t.is(await xs.read(`${PATH}/vifguard`), undefined);
});
