import { rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { execa } from 'execa';
import { InputError } from '../../src/errors.ts';
import { openNetns } from '../../src/netlink/netns.ts';

const NAME = `vifguard-netns-${process.pid}`;

test('a named network namespace is opened', async (t) => {
  await execa('ip', ['netns', 'add', NAME]);
  t.teardown(() => execa('ip', ['netns', 'delete', NAME]));
  const handle = await openNetns(NAME);
  const { ino } = await handle.stat();
  await handle.close();
  const { stdout } = await execa('ip', ['netns', 'exec', NAME, 'readlink', '/proc/self/ns/net']);
  t.is(stdout, `net:[${ino}]`);
});

test('a namespace that is not there is refused by name', async (t) => {
  await t.throwsAsync(openNetns(`${NAME}-none`), {
    instanceOf: InputError,
    message: `no network namespace "${NAME}-none"; create it with: ip netns add ${NAME}-none`,
  });
});

test('an empty file where a namespace should be mounted is refused', async (t) => {
  const path = `/run/netns/${NAME}-stale`;
  await execa('ip', ['netns', 'add', `${NAME}-first`]); // makes the directory
  t.teardown(() => execa('ip', ['netns', 'delete', `${NAME}-first`]));
  await writeFile(path, '');
  t.teardown(() => rm(path));
  await t.throwsAsync(openNetns(`${NAME}-stale`), { instanceOf: InputError });
});

test('a name that leads elsewhere is refused', async (t) => {
  for (const name of ['', '.', '..', '../../proc/1/ns/net', 'a/b', 'a\0b']) {
    await t.throwsAsync(openNetns(name), { instanceOf: InputError, message: /cannot be the name/ }, name);
  }
});
