import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { Qemu, type Xen } from './qemu.ts';
import type { Story } from './story.ts';
import { runSuite, selected } from './suite.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/dom0', import.meta.url));
const BUILD = fileURLToPath(new URL('image/build', import.meta.url));

/** Side by side: as many dom0s as there are CPUs that this can count on. */
const XENS: readonly Xen[] = ['xen', 'xen-shadow'];

/** A single story takes the one that can do it. */
function xensFor([story, ...more]: readonly Story[]): readonly Xen[] {
  if (story === undefined || more.length > 0) return XENS;
  return [story.needs === undefined ? 'xen' : 'xen-shadow'];
}

const { positionals } = parseArgs({ allowPositionals: true });
const [product = '', only = ''] = positionals;
const stories = selected(only);
const start = performance.now();
await execa(BUILD, [DIRECTORY, product], { stdio: 'inherit' });
const boots = xensFor(stories).map((xen) =>
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
