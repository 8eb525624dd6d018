import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { expectCleanEnd } from '../residue.ts';
import {
  become,
  configure,
  expectGuarded,
  STRANGER,
  speaksAsAnother,
  spec,
  station,
  WEB,
} from '../stations.ts';
import type { Story } from '../story.ts';

const RESTORE_SECONDS = 400;

/** From `xl create` to the end of a domain. */
export const LIFE: Story = {
  name: 'life',
  run: async (dom0, holds) => {
    await holds('Xen boots, xl works', async () => {
      assert.match(await dom0.run('xl list'), /^Domain-0 /m);
      return await dom0.run("xl info | sed -n 's/^xen_version *: /Xen /p'");
    });

    const guest = await Guest.define(dom0, { name: 'web1', vifs: [spec(WEB)] });
    await holds('a created guest reaches the gateway, as itself alone', async () => {
      await guest.create();
      await configure(guest, WEB);
      await expectGuarded(guest);
      assert.match(await dom0.run('vifguard status'), /web1/);
      await dom0.run('vifguard check');
      return undefined;
    });

    await holds('rebooted from inside, it is guarded again', async () => {
      const before = await guest.id();
      await guest.type('reboot -f');
      await guest.ready(2);
      assert.notEqual(await guest.id(), before);
      await configure(guest, WEB);
      await expectGuarded(guest);
      return undefined;
    });

    const second = { ...station(2), ip: '192.0.2.142', ip6: '2001:db8:0:ffff::142' };
    await holds('network-attach and network-detach', async () => {
      assert.equal((await guest.attach(spec(second))).status, 0);
      await dom0.run('vifguard check');
      await guest.run('until [ -e /sys/class/net/eth1 ]; do sleep 1; done');
      await configure(guest, second, 'eth1');
      assert.ok(await guest.pings(GATEWAY.ip));
      await guest.detach(1);
      assert.equal(await dom0.run('nft list ruleset | grep -c "vif$(xl domid web1).1" || true'), '0');
      return undefined;
    });

    await holds(
      'what a refused attach leaves is closed, is named by check, and goes by network-detach',
      async () => {
        const refused = await guest.attach(spec({ ...second, ip: '192.0.2.300' }));
        assert.notEqual(refused.status, 0);
        assert.match(refused.stderr, /after "xl network-attach" run "xl network-detach \d+ 1"/);
        await dom0.run('[ ! -e /sys/class/net/vif$(xl domid web1).1/brport ]');
        assert.match(await dom0.run('xl network-list web1'), new RegExp(second.mac), 'xl keeps it');
        const { status, stdout } = await dom0.attempt('vifguard check');
        assert.notEqual(status, 0);
        const [, remedy = ''] =
          /left over of web1, refused: .*192\.0\.2\.300.*run "(xl network-detach .*)"/.exec(stdout) ?? [];
        assert.notEqual(remedy, '', stdout);
        await dom0.run(remedy);
        assert.doesNotMatch(await dom0.run('xl network-list web1'), new RegExp(second.mac));
        await dom0.run('vifguard check');
        return undefined;
      },
    );

    await holds(
      'after "nft flush ruleset" the bridge still knows its MAC, and "vifguard host up" restores the rest',
      async () => {
        await dom0.run('nft flush ruleset');
        assert.ok(await speaksAsAnother(guest), 'the filter is gone');
        await become(guest, STRANGER);
        assert.ok(!(await guest.pings(GATEWAY.ip)), 'as another MAC');
        await become(guest, WEB.mac);
        await guest.run(`ip addr replace ${WEB.ip6}/64 dev eth0`);
        assert.ok(await guest.pings(GATEWAY.ip), 'with its own again');
        assert.notEqual((await dom0.attempt('vifguard check')).status, 0);
        await dom0.run('vifguard host up');
        await dom0.run('vifguard check');
        await expectGuarded(guest);
        return undefined;
      },
    );

    await holds(
      'saved, it leaves nothing but the tables; restored, it is guarded; destroyed and "host down", it leaves nothing',
      async () => {
        await dom0.run('xl save web1 /tmp/web1.save', { timeout: RESTORE_SECONDS });
        assert.equal(await dom0.run('nft list ruleset | grep -c "vif[1-9]" || true'), '0');
        await dom0.run('xl restore /tmp/web1.save; status=$?; rm /tmp/web1.save; exit $status', {
          timeout: RESTORE_SECONDS,
        });
        await expectGuarded(guest);
        await expectCleanEnd(guest);
        return undefined;
      },
    );
  },
};
