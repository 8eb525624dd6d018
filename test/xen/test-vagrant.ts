import { parseArgs } from 'node:util';
import { DRIVER } from './stories/driver.ts';
import { PLAYGROUND } from './stories/playground.ts';
import { runSuite, selected } from './suite.ts';
import { Vagrant } from './vagrant.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const [only = ''] = positionals;
const NO_DRIVER = `${DRIVER.name}: this machine has no second disk for a driver domain; "make test-xen" has one`;
const wanted = selected(only);
if (only !== '' && wanted.includes(DRIVER)) throw new TypeError(NO_DRIVER);
const stories = [PLAYGROUND, ...wanted.filter((story) => story !== DRIVER)];
const start = performance.now();
try {
  const machine = await Vagrant.up();
  console.log(`up after ${((performance.now() - start) / 1000).toFixed(0)} s`);
  for (const command of ['sudo xl list', 'sudo vifguard status']) console.log(await machine.ssh(command));
  process.exitCode = (await runSuite([machine.dom0], stories, [NO_DRIVER])) ? 0 : 1;
} finally {
  await Vagrant.destroy();
}
