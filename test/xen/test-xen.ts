import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { Qemu } from './qemu.ts';
import { runSuite, selected } from './suite.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/dom0', import.meta.url));
const BUILD = fileURLToPath(new URL('image/build', import.meta.url));

const { positionals } = parseArgs({ allowPositionals: true });
const [product = '', only = ''] = positionals;
const stories = selected(only);
const start = performance.now();
await execa(BUILD, [DIRECTORY, product], { stdio: 'inherit' });
const qemu = await Qemu.boot(DIRECTORY);
try {
  console.log(`dom0 is up after ${((performance.now() - start) / 1000).toFixed(0)} s, its image included`);
  process.exitCode = (await runSuite(qemu.dom0, stories)) ? 0 : 1;
} finally {
  await qemu.stop();
}
