import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { guardedGuest, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { startWatcher } from './watcher.ts';

const SECONDS = 4;

/** The CPU time that a process has had, in seconds (proc(5)). */
async function cpuTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) / 100;
}

for (const backend of BACKENDS) {
  test.serial(
    `${backend}: an HVM guest whose MAC moves with each frame keeps the watch from nothing`,
    async (t) => {
      const lab = await startLab(t, { backend });
      const watcher = await startWatcher(lab);
      const flapping = await guardedGuest(lab, {
        domid: 1,
        name: 'win',
        ip: '192.0.2.41',
        type: 'vif_ioemu',
      });
      const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' });
      const data = f.udp({ srcPort: 5000, dstPort: 5001 }, f.marker());
      const header = { src: flapping.mac, dst: GATEWAY.mac };
      const frame = f.ethernet(header, f.ipv4({ src: '192.0.2.41', dst: GATEWAY.ip }, data));
      const pour = await flapping.nic.pour([frame], flapping.emulatedNic);
      const before = await cpuTime(watcher.pid);
      await sleep(SECONDS * 1000);
      const share = ((await cpuTime(watcher.pid)) - before) / SECONDS;
      for (let times = 0; times < 3; times++) {
        const { exitCode, stderr } = await other.online();
        t.is(exitCode, 0, stderr);
        t.is(stderr, '');
        t.is((await other.offline()).stderr, '');
      }
      const [frames = 0] = await pour.stop();
      t.log(`${frames} frames, ${Math.round(100 * share)} % of a CPU`);
      t.true(share < 0.5, `${share}`);
      await watcher.quiet(300);
      t.deepEqual(watcher.lines, ['watching']);
      t.is((await vifguard(lab, ['check'])).exitCode, 0);
      t.is(await watcher.end(), 0);
    },
  );
}
