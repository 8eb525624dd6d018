import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { Qemu, type Xen } from './qemu.ts';
import { runSuite, selected } from './suite.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/dom0', import.meta.url));
const BUILD = fileURLToPath(new URL('image/build', import.meta.url));

/** As many dom0s as there are CPUs that this can count on. */
const SIDE_BY_SIDE: readonly Xen[] = ['xen', 'xen-shadow'];

const { positionals } = parseArgs({ allowPositionals: true });
const [product = '', only = ''] = positionals;
const stories = selected(only);
const start = performance.now();
await execa(BUILD, [DIRECTORY, product], { stdio: 'inherit' });
const [one, ...more] = stories;
const xens = more.length > 0 ? SIDE_BY_SIDE : ([one?.needs === undefined ? 'xen' : 'xen-shadow'] as const);
const boots = xens.map((xen) =>
  Qemu.boot({ image: DIRECTORY, xen, directory: join(DIRECTORY, `machine-${xen}`) }),
);
try {
  const machines = await Promise.all(boots);
  console.log(`dom0 is up after ${((performance.now() - start) / 1000).toFixed(0)} s, its image included`);
  const all = machines.map(({ dom0 }) => dom0);
  process.exitCode = (await runSuite(all, stories)) ? 0 : 1;
} finally {
  for (const boot of await Promise.allSettled(boots)) {
    if (boot.status === 'fulfilled') await boot.value.stop();
  }
}
