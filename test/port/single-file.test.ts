import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { vifguard } from '../cli/vifguard.ts';
import type { Lab } from '../lab/lab.ts';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

/** Puts the registry into one file, as versions before the one with a file for each port had it. */
async function intoSingleFile(lab: Lab): Promise<void> {
  const script = `
    cd /run/vifguard/net-*
    ports=$(for file in ports/*.json; do name=\${file#ports/}; printf ',"%s":%s' "\${name%.json}" "$(cat "$file")"; done)
    sed "s|}$||" host.json >registry.json
    printf ',"ports":{%s}}' "\${ports#,}" >>registry.json
    rm -r ports index host.json`;
  await lab.dom0.namespace.run('sh', ['-ec', script]);
}

const files = async (lab: Lab) => (await lab.exec('sh', ['-c', 'ls /run/vifguard/net-*'])).stdout.split('\n');

for (const backend of BACKENDS) {
  test(`${backend}: guests whose records are in the one file of before stay guarded, come and go`, async (t) => {
    const lab = await startLab(t, { backend });
    const [first, second, third] = await Promise.all([
      lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' }),
      lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' }),
      lab.guest({ domid: 3, name: 'web3', ip: '192.0.2.43' }),
    ]);
    for (const guest of [first, second]) t.is((await guest.online()).exitCode, 0);
    await first.configureAddresses();
    await intoSingleFile(lab);
    t.regex((await vifguard(lab, ['check'])).stdout, /^all well: 2 ports/);
    t.true((await files(lab)).includes('registry.json'), 'what only looks changes nothing');

    const rival = await lab.guest({ domid: 4, name: 'web4', ip: '192.0.2.42' });
    t.regex((await rival.online()).hotplugError ?? '', /192\.0\.2\.42: web2/);
    t.is((await third.online()).exitCode, 0);
    t.false((await files(lab)).includes('registry.json'));
    t.regex((await vifguard(lab, ['check'])).stdout, /^all well: 3 ports/);
    t.true(await ping(first, GATEWAY.ip));

    await intoSingleFile(lab);
    t.is((await second.offline()).exitCode, 0);
    t.regex((await vifguard(lab, ['check'])).stdout, /^all well: 2 ports/);
    await intoSingleFile(lab);
    t.is((await vifguard(lab, ['host', 'up'])).stdout, 'nothing to do: the host was set up');
    t.false((await files(lab)).includes('registry.json'));
    for (const guest of [first, third]) t.is((await guest.offline()).exitCode, 0);
    const left = 'find /run/vifguard/net-*/ports /run/vifguard/net-*/index -type f';
    t.is((await lab.exec('sh', ['-c', left])).stdout, '');
  });
}
