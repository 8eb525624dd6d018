import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import type { Dom0 } from '../dom0.ts';
import { Guest } from '../guest.ts';
import type { Scenario } from '../scenario.ts';
import { configure, expectGuarded, spec, station } from '../stations.ts';

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
  const guest = await Guest.start(dom0, { name: 'web1', vifs: specs });
  const times = (await dom0.run(`grep online ${TIMES}`))
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  await guest.destroy();
  assert.equal(times.length, vifs);
  const starts = times.map(([, start]) => start ?? 0);
  const ends = times.map(([, , end]) => end ?? 0);
  return (Math.max(...ends) - Math.min(...starts)).toFixed(1);
}

/** More than one of something. */
export const MANY: readonly Scenario[] = [
  {
    name: 'vifs',
    title: 'three vifs of one domain, brought up in parallel',
    run: async (dom0) => {
      const stations = [1, 2, 3].map(station);
      const guest = await Guest.start(dom0, { name: 'web1', vifs: stations.map((each) => spec(each)) });
      for (const [i, each] of stations.entries()) {
        await configure(guest, each, `eth${i}`);
        const { status } = await guest.attempt(`ping -c 1 -W 3 -I eth${i} ${GATEWAY.ip} >/dev/null`);
        assert.equal(status, 0, `eth${i}`);
        await guest.run(`ip addr flush dev eth${i}`);
      }
      return undefined;
    },
  },
  {
    name: 'domains',
    title: 'three domains created at once; an open one is reached, two isolated ones do not reach each other',
    run: async (dom0) => {
      const [first, second, third] = await Promise.all(
        [1, 2, 3].map((n) =>
          Guest.start(dom0, {
            name: `web${n}`,
            vifs: [spec(station(n))],
            settings: n < 3 ? [] : ['vifguard = [ "peers=open" ]'],
          }),
        ),
      );
      assert.ok(first && second && third);
      await Promise.all([first, second, third].map((guest, i) => configure(guest, station(i + 1))));
      for (const guest of [first, second, third]) await expectGuarded(guest);
      assert.ok(await first.pings(station(3).ip), 'isolated to open');
      assert.ok(!(await first.pings(station(2).ip)), 'isolated to isolated');
      return undefined;
    },
  },
  {
    name: 'speed',
    title: "how long online takes, beside Xen's own vif-bridge",
    run: async (dom0) => {
      const seconds: Record<string, string[]> = {};
      for (const script of ['vif-bridge', 'vif-guard']) {
        seconds[script] = [await onlineSeconds(dom0, script, 1), await onlineSeconds(dom0, script, 3)];
      }
      return Object.entries(seconds)
        .map(([script, [one, three]]) => `${script} ${one} s, three at once ${three} s`)
        .join('; ');
    },
  },
];
