import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { vifguard } from '../cli/vifguard.ts';
import { startWatcher } from '../watch/watcher.ts';
import { ADDRESSES, attach, change, detach, expectShut, startScene, useBackend } from './scene.ts';

// Forbidden frames are sent all the time while what guards an attached port is replaced by us.

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

for (const backend of BACKENDS) {
  test(`${backend}: modes and addresses change`, async (t) => {
    const scene = await startScene(t, backend);
    await expectShut(t, scene, async () => {
      for (const policy of [
        ['192.0.2.42', 'peers=open'],
        ['192.0.2.43 2001:db8:0:ffff::43', 'dom0=icmp'],
        ['192.0.2.44', 'mode=disabled'],
        [ADDRESSES, 'dhcp=off,mac=00:16:3e:00:00:77'],
      ] as const) {
        await change(t, scene, policy);
      }
    });
  });

  test(`${backend}: to the other backend, and back`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab } = scene;
    const [other = backend] = BACKENDS.filter((name) => name !== backend);
    await expectShut(t, scene, async () => {
      for (const [from, to] of [
        [backend, other],
        [other, backend],
      ] as const) {
        await useBackend(lab, to);
        t.is((await vifguard(lab, ['reload'])).stdout, `packet filter: moved from ${from} to ${to}`);
      }
    });
  });

  test(`${backend}: another version of the program, while a guest comes and goes`, async (t) => {
    const installed = await install(t);
    const scene = await startScene(t, backend, installed.script);
    const { lab } = scene;
    const other = await lab.guest({ domid: 3, ip: '192.0.2.53' });
    const upgrade = async (version: Version) => {
      await installed.replace(version);
      const { exitCode, stderr } = await lab.exec(installed.program, ['host', 'up'], { timeout: 60_000 });
      t.is(exitCode, 0, stderr);
      const ruleset = await lab.dom0.namespace.run('nft', ['list', 'ruleset']);
      t.is(ruleset.includes('ipv4-fraud'), version === 'older');
    };
    await expectShut(t, scene, async () => {
      for (const version of ['older', 'this'] as const) {
        const comesAndGoes = async () => {
          await attach(t, other);
          await detach(t, other, 'gone');
        };
        await Promise.all([upgrade(version), comesAndGoes()]);
      }
    });
  });

  test(`${backend}: the watch is killed, and started again`, async (t) => {
    const scene = await startScene(t, backend);
    const first = await startWatcher(scene.lab);
    let watcher = first;
    await expectShut(t, scene, async () => {
      t.is(await watcher.end('SIGKILL'), -1);
      watcher = await startWatcher(scene.lab);
    });
    t.is(await watcher.end(), 0);
  });
}

/** The program of this checkout, or one whose filters differ in a word. */
type Version = 'older' | 'this';

interface Installed {
  readonly script: string;
  readonly program: string;
  /** Puts a version in the place of the other as dpkg does, file by file. */
  replace(version: Version): Promise<void>;
}

/** A copy of the program in a directory of its own. */
async function install(t: ExecutionContext): Promise<Installed> {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-installed-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const of = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
  const dist = join(directory, 'dist');
  await cp(of('hotplug'), join(directory, 'hotplug'), { recursive: true });
  await cp(of('dist'), dist, { recursive: true });
  const files = await readdir(dist);
  const bundles = files.filter((name) => name.endsWith('.bundle.js'));
  // They are of one version's bundles.
  for (const name of files) if (name.endsWith('.cache')) await rm(join(dist, name));
  const replace = async (version: Version) => {
    for (const name of bundles) {
      const text = await readFile(of(`dist/${name}`), 'utf8');
      const unpacked = join(dist, `${name}.dpkg-new`);
      await writeFile(unpacked, version === 'this' ? text : text.replaceAll('ipv4-spoof', 'ipv4-fraud'));
      await rename(unpacked, join(dist, name));
    }
  };
  return {
    script: join(directory, 'hotplug/vif-guard'),
    program: join(directory, 'hotplug/vifguard'),
    replace,
  };
}
