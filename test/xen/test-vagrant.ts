import { parseArgs } from 'node:util';
import { DRIVER } from './stories/driver.ts';
import { PLAYGROUND } from './stories/playground.ts';
import { runSuite, selected } from './suite.ts';
import { Vagrant } from './vagrant.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const [only = ''] = positionals;
// The machine has no second disk for a driver domain.
const stories = [PLAYGROUND, ...selected(only).filter((story) => story !== DRIVER)];
const start = performance.now();
try {
  const machine = await Vagrant.up();
  console.log(`up after ${((performance.now() - start) / 1000).toFixed(0)} s`);
  for (const command of ['sudo xl list', 'sudo vifguard status']) console.log(await machine.ssh(command));
  process.exitCode = (await runSuite([machine.dom0], stories)) ? 0 : 1;
} finally {
  await Vagrant.destroy();
}
