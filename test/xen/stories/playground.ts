import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import type { Dom0 } from '../dom0.ts';
import { destroyAll } from '../residue.ts';
import { FOREIGN, lock, station, unlock } from '../stations.ts';
import type { Story } from '../story.ts';

const CONFIG = '/etc/xen/web1.cfg';

let commands = 0;

/** Whether a command succeeds that is typed into the shell on a guest's console. */
async function succeeds(dom0: Dom0, guest: string, command: string): Promise<boolean> {
  commands += 1;
  const log = `/var/log/xen/console/guest-${guest}.log`;
  const status = await dom0.run(`
    echo '${command}; echo @@${commands} $?' >"$(xenstore-read /local/domain/$(xl domid ${guest})/console/tty)"
    until grep -q '^@@${commands} ' ${log}; do sleep 0.3; done
    sed -n 's/^@@${commands} //p' ${log} | tr -d '\\r'`);
  return status === '0';
}

/** What `vagrant up` leaves, and what vagrant/hello says to try. The other stories want neither guests nor service. */
export const PLAYGROUND: Story = {
  name: 'playground',
  run: async (dom0, holds) => {
    try {
      await tell(dom0, holds);
    } finally {
      await destroyAll(dom0);
      await dom0.run('systemctl stop vifguard; vifguard host down');
    }
  },
};

const tell: Story['run'] = async (dom0, holds) => {
  const guests = ['web1', 'web2'];
  await holds('two guests are up and guarded', async () => {
    const domains = await dom0.run("xl list | awk 'NR > 1 { print $1 }'");
    assert.deepEqual(domains.split('\n'), ['Domain-0', ...guests]);
    await dom0.run('vifguard check');
    return undefined;
  });

  await holds('each reaches the gateway', async () => {
    for (const guest of guests) {
      for (const address of [GATEWAY.ip, GATEWAY.ip6]) {
        assert.ok(await succeeds(dom0, guest, `ping -c 1 -W 5 ${address}`), `${guest} to ${address}`);
      }
    }
    return undefined;
  });

  const asAnother = `ping -c 1 -W 3 -I ${FOREIGN} ${GATEWAY.ip}`;
  await holds(
    'as another it does so once its config unlocks it, and no more once that is undone',
    async () => {
      assert.ok(await succeeds(dom0, 'web1', `ip addr add ${FOREIGN}/24 dev eth0`));
      await unlock({ dom0, config: CONFIG });
      assert.ok(await succeeds(dom0, 'web1', asAnother), 'unlocked');
      await lock({ dom0, config: CONFIG });
      assert.ok(!(await succeeds(dom0, 'web1', asAnother)), 'locked');
      const drops = /\d+ (arp|ipv4)-spoof/.exec(await dom0.run('vifguard status'))?.[0];
      assert.ok(drops, 'drops are counted');
      return drops;
    },
  );

  await holds('the two are isolated', async () => {
    assert.ok(!(await succeeds(dom0, 'web1', `ping -c 1 -W 3 ${station(2).ip}`)));
    return undefined;
  });

  await holds('the service heals what "nft flush ruleset" takes away', async () => {
    await dom0.run('nft flush ruleset');
    await dom0.until('vifguard check >/dev/null');
    return undefined;
  });
};
