import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { configure, expectGuarded, spec, station } from '../stations.ts';
import type { Story } from '../story.ts';

/** More than one of something, while `vifguard watch` runs. */
export const MANY: Story = {
  name: 'many',
  run: async (dom0, holds) => {
    await dom0.run(`vifguard watch >/run/watch.log 2>&1 & echo $! >/run/watch.pid
      until grep -q watching /run/watch.log; do sleep 0.3; done`);
    const [three, open, closed] = [[1, 2, 3].map(station), station(4), station(5)];
    const guests: Guest[] = [];
    await holds(
      'with "vifguard watch": three domains created at once, one with three vifs in parallel',
      async () => {
        const options = [
          { name: 'web1', vifs: three.map((each) => spec(each)) },
          { name: 'web2', vifs: [spec(open)], settings: ['vifguard = [ "peers=open" ]'] },
          { name: 'web3', vifs: [spec(closed)] },
        ];
        guests.push(...(await Promise.all(options.map((each) => Guest.start(dom0, each)))));
        await dom0.run('vifguard check');
        return undefined;
      },
    );
    const [web1, web2, web3] = guests;
    assert.ok(web1 && web2 && web3);

    await holds('each of the three vifs is guarded for its own address', async () => {
      for (const [i, each] of three.entries()) {
        await configure(web1, each, `eth${i}`);
        const own = `ping -c 1 -W 3 -I eth${i} ${GATEWAY.ip} >/dev/null`;
        const others = `ip addr replace ${three[(i + 1) % 3]?.ip}/24 dev eth${i}; ip addr del ${each.ip}/24 dev eth${i}`;
        const { status } = await web1.attempt(`${own} && ${others} && ! ${own}`);
        assert.equal(status, 0, `eth${i}`);
        await web1.run(`ip addr flush dev eth${i}`);
      }
      return undefined;
    });

    await holds('an open guest is reached, two isolated ones do not reach each other', async () => {
      await Promise.all([configure(web1, station(1)), configure(web2, open), configure(web3, closed)]);
      for (const guest of guests) await expectGuarded(guest);
      assert.ok(await web1.pings(open.ip), 'isolated to open');
      assert.ok(!(await web1.pings(closed.ip)), 'isolated to isolated');
      return undefined;
    });

    await holds('the watch restores the rules after "nft flush ruleset"', async () => {
      await dom0.run('nft flush ruleset');
      await dom0.until('nft list ruleset | grep -q "vif$(xl domid web3).0"');
      await dom0.run('vifguard check');
      for (const guest of guests) await expectGuarded(guest);
      return undefined;
    });
    await Promise.all(guests.map((guest) => guest.destroy()));
    await dom0.run('kill $(cat /run/watch.pid)');
  },
};
