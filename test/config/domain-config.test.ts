import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../src/config/config-error.ts';
import { findDomainConfig } from '../../src/config/domain-config.ts';

/** Two directories to look in, `a` and `b`, with these files. */
function host(t: ExecutionContext, files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'vifguard-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const paths = ['a', 'b'].map((name) => join(root, name));
  for (const path of paths) mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const find = (name: string, extra: string[] = []) => {
    const file = findDomainConfig({ name, paths: [...paths, ...extra] })?.file;
    return file?.slice(root.length + 1);
  };
  const refusal = (name: string) =>
    t.throws(() => find(name), { instanceOf: ConfigError }).message.replaceAll(`${root}/`, '');
  return { root, find, refusal };
}

test('finds a domain by the file called after it, with or without .cfg', (t) => {
  const { find } = host(t, { 'a/web.cfg': 'name = "web"', 'b/db': "name = 'db'" });
  t.is(find('web'), 'a/web.cfg');
  t.is(find('db'), 'b/db');
  t.is(find('web--incoming'), 'a/web.cfg');
  t.is(find('mail'), undefined);
});

test('finds a domain in a file called otherwise, however its name is spelt', (t) => {
  const { find } = host(t, {
    'a/one.cfg': 'name = "first"\nname = "second"',
    'b/two.cfg': 'name = "th"; name += "ird"',
    'b/three.cfg': String.raw`name = 'it\'s'`,
    'b/other.txt': 'name = "hidden"',
  });
  t.is(find('first'), undefined);
  t.is(find('second'), 'a/one.cfg');
  t.is(find('third'), 'b/two.cfg');
  t.is(find("it's"), 'b/three.cfg');
  t.is(find('hidden'), undefined);
});

test('compares names as bytes', (t) => {
  const { root, find } = host(t, {});
  writeFileSync(join(root, 'a/x.cfg'), Buffer.from('name = "été"', 'utf8'));
  writeFileSync(join(root, 'b/y.cfg'), Buffer.from('name = "déjà"', 'latin1'));
  t.is(find('été'), 'a/x.cfg');
  t.is(find('déjà'), undefined);
});

test('a file counts by what it says, not by what it is called', (t) => {
  const { find } = host(t, { 'a/web.cfg': 'name = "db"', 'b/old.cfg': 'name = "web"', 'a/mail.cfg': '' });
  t.is(find('web'), 'b/old.cfg');
  t.is(find('mail'), undefined);
});

test('two different files of one name are refused, both named', (t) => {
  const { refusal } = host(t, {
    'a/web.cfg': 'name = "web"',
    'b/web.cfg': 'name = "web"',
    'a/x.cfg': 'name = "db"',
    'a/y.cfg': 'name = "db"',
  });
  t.is(
    refusal('web'),
    'a/web.cfg: both it and b/web.cfg say name = "web"; keep one, or take its directory out of domain_configs',
  );
  t.regex(refusal('db'), /^a\/[xy]\.cfg: both it and a\/[xy]\.cfg say name = "db"/);
});

test('a symbolic link to the same file is the same file', (t) => {
  const { root, find } = host(t, { 'a/web.cfg': 'name = "web"', 'a/x.cfg': 'name = "db"' });
  symlinkSync('../a/web.cfg', join(root, 'b/web.cfg'));
  symlinkSync('../a/x.cfg', join(root, 'b/10-db.cfg'));
  t.is(find('web'), 'a/web.cfg');
  t.is(find('db'), 'a/x.cfg');
});

test('a file outright may be listed, and what does not exist is passed over', (t) => {
  const { root, find } = host(t, { single: 'name = "web"' });
  t.is(find('web'), undefined);
  t.is(find('web', [join(root, 'none'), join(root, 'single')]), 'single');
});

test('what is no config is refused when called after the domain, and passed over otherwise', (t) => {
  const { find, refusal } = host(t, { 'a/web.cfg': 'Name = "web"', 'a/x.cfg': 'name = "db"' });
  t.is(
    refusal('web'),
    'a/web.cfg:1:1: "Name" is not understood; names of settings are lower case, and text stands in quotes',
  );
  t.is(find('db'), 'a/x.cfg');
});

test('pipes, directories, loops and huge files neither hang nor count', (t) => {
  const { root, find, refusal } = host(t, {
    'b/x.cfg': 'name = "web"',
    'b/huge.cfg': `name = "db"\n#${'x'.repeat(1 << 20)}`,
  });
  execFileSync('mkfifo', [join(root, 'a/pipe.cfg'), join(root, 'a/fifo.cfg')]);
  mkdirSync(join(root, 'a/web'));
  mkdirSync(join(root, 'a/dir.cfg'));
  symlinkSync('loop.cfg', join(root, 'a/loop.cfg'));
  symlinkSync('/dev/zero', join(root, 'a/zero.cfg'));
  t.is(find('web'), 'b/x.cfg');
  t.is(find('db'), undefined);
  t.is(refusal('fifo'), 'a/fifo.cfg: is not a regular file');
  t.regex(refusal('huge'), /^b\/huge.cfg: holds 10485\d\d bytes; a config has at most 1048576$/);
});

for (const name of ['', '.', '..', '../b/x', '/etc/passwd', 'x\0', 'x'.repeat(300), 'é'.repeat(200)]) {
  test(`the name ${JSON.stringify(name.slice(0, 20))} leads to no file outside`, (t) => {
    const { find } = host(t, { 'b/x': 'name = "../b/x"', 'x.cfg': 'name = ""' });
    t.is(find(name), undefined);
  });
}

test('is quick among 4000 configs', (t) => {
  const { root, find } = host(t, {});
  for (let i = 0; i < 4000; i++) {
    const text = `name = "guest${i}"\nmemory = 512\nvif = [ 'mac=00:16:3e:00:00:01,bridge=xenbr0,ip=192.0.2.1' ]\n`;
    writeFileSync(join(root, `a/guest${i}.cfg`), text);
  }
  writeFileSync(join(root, 'b/odd.cfg'), 'name = "other"');
  const cost = (name: string, expected: string) => {
    const start = process.cpuUsage();
    t.is(find(name), expected);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  const [scanned, named] = [cost('other', 'b/odd.cfg'), cost('guest3999', 'a/guest3999.cfg')];
  t.log(`${scanned} ms to scan, ${named} ms by file name`);
  t.true(named < 50 && scanned < 3000);
});
