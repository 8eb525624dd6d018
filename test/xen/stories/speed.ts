import assert from 'node:assert/strict';
import type { Dom0 } from '../dom0.ts';
import { Guest } from '../guest.ts';
import { spec, station } from '../stations.ts';
import type { Story } from '../story.ts';

const TIMES = '/run/hotplug-times';

/** Stands before a hotplug script and writes down how long it takes. */
const timed = (script: string) => `#!/bin/sh
now() { cut -d ' ' -f 1 /proc/uptime; }
start=$(now)
/etc/xen/scripts/${script} "$@"
status=$?
echo "$1 $start $(now)" >>${TIMES}
exit $status`;

/** The seconds from the first start to the last end of the onlines of a domain with so many vifs. */
async function onlineSeconds(dom0: Dom0, script: string, vifs: number): Promise<string> {
  await dom0.write(`/etc/xen/scripts/timed-${script}`, timed(script));
  await dom0.run(`chmod +x /etc/xen/scripts/timed-${script}; rm -f ${TIMES}`);
  const specs = Array.from({ length: vifs }, (_, i) => spec(station(i + 1), `script=timed-${script}`));
  const guest = await Guest.define(dom0, { name: 'web1', vifs: specs });
  await dom0.run(`xl create -p ${guest.config}`);
  const times = (await dom0.run(`grep online ${TIMES}`))
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  await guest.destroy();
  assert.equal(times.length, vifs);
  const starts = times.map(([, start]) => start ?? 0);
  const ends = times.map(([, , end]) => end ?? 0);
  return (Math.max(...ends) - Math.min(...starts)).toFixed(1);
}

export const SPEED: Story = {
  name: 'speed',
  run: async (dom0, holds) => {
    await holds("how long online takes, beside Xen's own vif-bridge", async () => {
      const seconds: Record<string, string[]> = {};
      for (const script of ['vif-bridge', 'vif-guard']) {
        seconds[script] = [await onlineSeconds(dom0, script, 1), await onlineSeconds(dom0, script, 3)];
      }
      return Object.entries(seconds)
        .map(([script, [one, three]]) => `${script} ${one} s, three at once ${three} s`)
        .join('; ');
    });
  },
};
