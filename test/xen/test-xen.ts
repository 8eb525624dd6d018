import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { Qemu } from './qemu.ts';
import { runSuite, selected } from './suite.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/dom0', import.meta.url));
const BUILD = fileURLToPath(new URL('image/build', import.meta.url));

/** As many dom0s as there are CPUs that this can count on. */
const SIDE_BY_SIDE = ['machine-1', 'machine-2'];

const { positionals } = parseArgs({ allowPositionals: true });
const [product = '', only = ''] = positionals;
const stories = selected(only);
const start = performance.now();
await execa(BUILD, [DIRECTORY, product], { stdio: 'inherit' });
const boots = SIDE_BY_SIDE.slice(0, stories.length).map((name) =>
  Qemu.boot(DIRECTORY, join(DIRECTORY, name)),
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
