import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { XenstoreClient } from '../../src/xenstore/client.ts';
import { XenstoreError } from '../../src/xenstore/error.ts';
import { deviceBefore, startStore, temporaryDirectory, waitFor } from './store.ts';

test('what xenstore-write wrote is read, and the other way round', async (t) => {
  const { xs, client } = await startStore(t);
  const values = ['x', '', 'two  words\n', '$(reboot) `x` \\n "', 'Köln', 'v'.repeat(3000)];
  for (const value of values) {
    await xs.write({ '/a/b': value });
    t.is(await client.read('/a/b'), value);
    await client.write('/c/d', value);
    t.is(await xs.read('/c/d'), value);
  }
  t.is(await client.read('/a/none'), undefined);
});

test('many connect at once', async (t) => {
  const { xs } = await startStore(t);
  const opened = Array.from({ length: 100 }, () => XenstoreClient.open({ path: xs.socket }));
  for (const client of await Promise.all(opened)) client.close();
  t.pass();
});

test('relative paths are those of dom0', async (t) => {
  const { xs, client } = await startStore(t);
  await client.write('backend/vif/1/0/mac', '00:16:3e:00:00:01');
  t.is(await xs.read('/local/domain/0/backend/vif/1/0/mac'), '00:16:3e:00:00:01');
  t.is(await client.read('backend/vif/1/0/mac'), '00:16:3e:00:00:01');
});

test('directory, mkdir and rm', async (t) => {
  const { xs, client } = await startStore(t);
  await client.mkdir('/d/e');
  await xs.write({ '/d/f': 'kept' });
  await client.mkdir('/d/f');
  t.is(await xs.read('/d/f'), 'kept');
  t.deepEqual((await client.directory('/d')).sort(), ['e', 'f']);
  t.deepEqual(await client.directory('/d/e'), []);
  t.deepEqual(await client.directory('/none'), []);
  await client.rm('/d');
  await client.rm('/d');
  await client.rm('/d/e/deeper');
  t.is(await xs.read('/d'), undefined);
});

test('a directory longer than one message is read in parts', async (t) => {
  const { xs, client } = await startStore(t);
  const names = Array.from({ length: 2000 }, (_, number) => `guest-${number}`);
  await xs.write(Object.fromEntries(names.map((name) => [`/many/${name}`, ''])));
  t.deepEqual((await client.directory('/many')).sort(), names.sort());
});

test('permissions are those xenstore-chmod set', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write({ '/p': '' });
  await execa('xenstore-chmod', ['/p', 'n0', 'r3', 'b4', 'w5'], { env: xs.env });
  t.deepEqual(await client.getPerms('/p'), [
    { access: 'n', domid: 0 },
    { access: 'r', domid: 3 },
    { access: 'b', domid: 4 },
    { access: 'w', domid: 5 },
  ]);
});

test('an error tells operation, path and errno', async (t) => {
  const { client } = await startStore(t);
  const of = (work: Promise<unknown>) => t.throwsAsync(work, { instanceOf: XenstoreError });
  const refused = await of(client.write('/bad path', 'x'));
  t.like(refused, { operation: 'WRITE', path: '/bad path', code: 'EINVAL' });
  t.is(refused?.message, 'xenstore: WRITE "/bad path": EINVAL');
  t.like(await of(client.getPerms('/none')), { operation: 'GET_PERMS', code: 'ENOENT' });
  t.like(await of(client.read('/a\0/b')), { operation: 'READ', code: 'EINVAL' });
  t.like(await of(client.write('/a', 'x'.repeat(4094))), { operation: 'WRITE', code: 'E2BIG' });
  await client.write('/a', 'x'.repeat(4093));
  t.is((await client.read('/a'))?.length, 4093, 'the connection has survived all that');
});

test('a thousand requests are in flight at once, and each gets its own answer', async (t) => {
  const { xs, client } = await startStore(t);
  const paths = Array.from({ length: 1000 }, (_, number) => `/n/${number}`);
  await xs.write(Object.fromEntries(paths.filter((_, n) => n % 3 !== 0).map((path) => [path, `at ${path}`])));
  const expected = paths.map((path, n) => (n % 3 === 0 ? undefined : `at ${path}`));
  t.deepEqual(await client.readAll(paths), expected);
});

test('a transaction shows nothing before its end, and then everything', async (t) => {
  const { xs, client } = await startStore(t);
  const result = await client.transaction(async (view) => {
    await view.write('/tx/a', '1');
    await view.write('/tx/b', '2');
    t.is(await view.read('/tx/a'), '1');
    t.is(await xs.read('/tx/a'), undefined);
    return 'done';
  });
  t.is(result, 'done');
  t.deepEqual([await xs.read('/tx/a'), await xs.read('/tx/b')], ['1', '2']);
});

test('a transaction whose work throws leaves nothing', async (t) => {
  const { xs, client } = await startStore(t);
  const work = client.transaction(async (view) => {
    await view.write('/tx', '1');
    throw new Error('on purpose');
  });
  await t.throwsAsync(work, { message: 'on purpose' });
  t.is(await xs.read('/tx'), undefined);
  t.is(await client.read('/tx'), undefined);
});

test('a transaction that collides runs again, on the new state', async (t) => {
  const { xs, client } = await startStore(t);
  await xs.write({ '/count': '1' });
  let runs = 0;
  await client.transaction(async (view) => {
    const seen = Number(await view.read('/count'));
    if (++runs === 1) await xs.write({ '/count': '10' });
    await view.write('/count', String(seen + 1));
  });
  t.is(runs, 2);
  t.is(await xs.read('/count'), '11');
});

test('counters raised by several clients at once lose nothing', async (t) => {
  const { xs } = await startStore(t);
  const raise = async () => {
    const client = await XenstoreClient.open({ path: xs.socket });
    for (let round = 0; round < 10; round++) {
      await client.transaction(async (view) => {
        await view.write('/count', String(Number((await view.read('/count')) ?? 0) + 1));
      });
    }
    client.close();
  };
  await Promise.all([raise(), raise(), raise(), raise()]);
  t.is(await xs.read('/count'), '40');
});

test('a transaction that always collides ends with EAGAIN', async (t) => {
  const { xs } = await startStore(t);
  const client = await XenstoreClient.open({ path: xs.socket, timeoutMs: 2000 });
  t.teardown(() => client.close());
  const other = await XenstoreClient.open({ path: xs.socket });
  t.teardown(() => other.close());
  let runs = 0;
  const work = client.transaction(async (view) => {
    await view.read('/busy');
    await other.write('/busy', String(++runs));
    await view.write('/busy', 'mine');
  });
  await t.throwsAsync(work, { instanceOf: XenstoreError, code: 'EAGAIN' });
  t.true(runs > 1);
});

test('a watch tells changes at and below its path', async (t) => {
  const { xs, client } = await startStore(t);
  const seen: string[] = [];
  await client.watch('/w', (path) => seen.push(path));
  await waitFor(() => seen.includes('/w'));
  await xs.write({ '/w/a': '1', '/elsewhere': '2' });
  await waitFor(() => seen.includes('/w/a'));
  t.false(seen.includes('/elsewhere'));
});

test('a relative watch tells relative paths', async (t) => {
  const { xs, client } = await startStore(t);
  const seen: string[] = [];
  await client.watch('backend/vif', (path) => seen.push(path));
  await xs.write({ '/local/domain/0/backend/vif/1/0/mac': 'x' });
  await waitFor(() => seen.includes('backend/vif/1/0/mac'));
  t.pass();
});

test('XENSTORED_PATH names the socket', async (t) => {
  const { xs } = await startStore(t);
  await xs.write({ '/here': 'yes' });
  t.is(await readInOwnProcess(xs.env, '/here'), 'yes');
  const nowhere = readInOwnProcess({ XENSTORED_PATH: '/nonexistent/xenstored' }, '/here');
  await t.throwsAsync(nowhere, { message: /no way to xenstored: ENOENT.*\/nonexistent\/xenstored/ });
});

/** The environment is the process's, and tests share one. */
async function readInOwnProcess(env: Record<string, string>, path: string): Promise<string> {
  const module = new URL('../../src/xenstore/client.ts', import.meta.url).pathname;
  const script = `
    import { XenstoreClient } from ${JSON.stringify(module)};
    const client = await XenstoreClient.open();
    console.log(await client.read(${JSON.stringify(path)}));
    client.close();`;
  const args = ['--import=tsx', '--input-type=module', '--eval', script];
  const { stdout } = await execa(process.execPath, args, { env });
  return stdout;
}

test('a path that is neither socket nor device is refused', async (t) => {
  const path = join(await temporaryDirectory(t), 'file');
  await writeFile(path, '');
  const error = await t.throwsAsync(XenstoreClient.open({ path }), { instanceOf: XenstoreError });
  t.like(error, { operation: 'connect', path, code: 'ECONNREFUSED' });
  t.regex(error?.message ?? '', /neither a socket nor a character device/);
});

test('when xenstored ends, what is pending is rejected, and what comes later', async (t) => {
  const { xs, client } = await startStore(t);
  const stopped = xs.stop();
  const reason = await client.closed;
  t.like(reason, { code: 'ECONNRESET' });
  await t.throwsAsync(client.read('/a'), { instanceOf: XenstoreError, code: 'ECONNRESET' });
  await stopped;
});

test('close rejects what is pending', async (t) => {
  const { client } = await startStore(t);
  const pending = client.read('/a');
  client.close();
  await t.throwsAsync(pending, { instanceOf: XenstoreError, code: 'ECANCELED' });
  t.is(await client.closed, undefined);
});

async function openDevice(t: ExecutionContext): Promise<string> {
  const { xs } = await startStore(t);
  return deviceBefore(t, xs.socket);
}

test('a character device serves as well as a socket', async (t) => {
  const client = await XenstoreClient.open({ path: await openDevice(t) });
  t.teardown(() => client.close());
  const paths = Array.from({ length: 50 }, (_, number) => `/n/${number}`);
  await Promise.all(paths.map((path) => client.write(path, `at ${path}`)));
  t.deepEqual(
    await client.readAll(paths),
    paths.map((path) => `at ${path}`),
  );
  const seen: string[] = [];
  await client.watch('/n/1', (path) => seen.push(path));
  await sleep(200);
  await client.transaction((view) => view.write('/n/1', 'in a transaction'));
  await waitFor(() => seen.length > 1);
  t.is(await client.read('/n/1'), 'in a transaction');
  const tooLong = client.write('/a', 'x'.repeat(4080));
  await t.throwsAsync(tooLong, { instanceOf: XenstoreError, code: 'E2BIG' });
});

test('a closed device lets the process end', async (t) => {
  const device = await openDevice(t);
  t.is(await readInOwnProcess({ XENSTORED_PATH: device }, '/tool'), '');
});
