import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Dom0 } from './dom0.ts';
import { DRIVER } from './stories/driver.ts';
import { PLAYGROUND } from './stories/playground.ts';
import type { Story } from './story.ts';
import { runSuite, selected } from './suite.ts';
import { Vagrant } from './vagrant.ts';

const DRIVER_INIT = '/usr/local/sbin/driver-init';
const COPY_SECONDS = 600;

/** What image/build has made for `make test-xen`: the second disk holds what the first does, and is a driver domain's. */
async function makeDriverDisk(dom0: Dom0): Promise<void> {
  await dom0.write(DRIVER_INIT, await readFile(new URL('image/driver-init', import.meta.url), 'utf8'));
  const copy = `
    chmod +x ${DRIVER_INIT}
    ln -sfn /home/vagrant/dom0 /usr/local/lib/vifguard-test
    mount --bind / /mnt
    mke2fs -q -t ext4 -O ^has_journal -d /mnt /dev/vdb
    umount /mnt`;
  await dom0.run(`set -e; ${copy}`, { timeout: COPY_SECONDS });
}

const DRIVER_HERE: Story = {
  ...DRIVER,
  run: async (dom0, holds) => {
    await makeDriverDisk(dom0);
    await DRIVER.run(dom0, holds);
  },
};

const { positionals } = parseArgs({ allowPositionals: true });
const [only = ''] = positionals;
const stories = [PLAYGROUND, ...selected(only).map((story) => (story === DRIVER ? DRIVER_HERE : story))];
const start = performance.now();
try {
  const machine = await Vagrant.up();
  console.log(`up after ${((performance.now() - start) / 1000).toFixed(0)} s`);
  for (const command of ['sudo xl list', 'sudo vifguard status']) console.log(await machine.ssh(command));
  process.exitCode = (await runSuite([machine.dom0], stories)) ? 0 : 1;
} finally {
  await Vagrant.destroy();
}
