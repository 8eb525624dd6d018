import assert from 'node:assert/strict';
import { DOM0, GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { expectNothingLeft } from '../residue.ts';
import type { Scenario } from '../scenario.ts';
import { configure, expectGuarded, spec, station, WEB } from '../stations.ts';

/** What an administrator writes, right or wrong. */
export const CONFIG: readonly Scenario[] = [
  {
    name: 'refused',
    title: 'a wrong address: create fails, xl prints why, nothing is left',
    run: async (dom0) => {
      const guest = await Guest.define(dom0, { name: 'web1', vifs: [spec({ ...WEB, ip: '192.0.2.300' })] });
      const { status, stderr } = await dom0.attempt(`xl create ${guest.config}`);
      assert.notEqual(status, 0);
      const reason = /script: (.*192\.0\.2\.300.*)/.exec(stderr)?.[1];
      assert.ok(reason, stderr);
      await expectNothingLeft(dom0);
      return reason;
    },
  },
  {
    name: 'attach',
    title:
      'network-attach and network-detach; what a refused attach leaves is closed, and goes by network-detach',
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
      const second = { ...station(2), ip: '192.0.2.142', ip6: '2001:db8:0:ffff::142' };
      assert.equal((await guest.attach(spec(second))).status, 0);
      await dom0.run('vifguard check');
      await guest.run('until [ -e /sys/class/net/eth1 ]; do sleep 1; done');
      await configure(guest, second, 'eth1');
      assert.ok(await guest.pings(GATEWAY.ip));
      await guest.detach(1);
      assert.equal(await dom0.run('nft list ruleset | grep -c "vif$(xl domid web1).1" || true'), '0');

      const refused = await guest.attach(spec({ ...second, ip: '192.0.2.300' }));
      assert.notEqual(refused.status, 0);
      assert.match(refused.stderr, /network-detach/);
      await dom0.run('[ ! -e /sys/class/net/vif$(xl domid web1).1/brport ]');
      assert.match(
        await dom0.run('xl network-list web1'),
        new RegExp(second.mac),
        'xl keeps the refused device',
      );
      await guest.detach(1);
      assert.doesNotMatch(await dom0.run('xl network-list web1'), new RegExp(second.mac));
      return undefined;
    },
  },
  {
    name: 'settings',
    title: 'vifname, mtu, lists and prefixes in ip=, directives in the .cfg',
    run: async (dom0) => {
      const lists = {
        ...WEB,
        ip: `${WEB.ip} 192.0.2.80/29`,
        ip6: '2001:db8:0:ffff:1::/80 2001:db8:0:ffff::41',
      };
      const guest = await Guest.start(dom0, {
        name: 'web1',
        vifs: [spec(lists, 'vifname=shop', 'mtu=1400')],
        settings: ['vifguard = [ "dom0=none" ]'],
      });
      assert.equal(await dom0.run('cat /sys/class/net/shop/mtu'), '1400');
      await configure(guest, WEB);
      await expectGuarded(guest);
      await guest.run('ip addr add 192.0.2.87/24 dev eth0');
      const second = await guest.attempt(`ping -c 1 -W 3 -I 192.0.2.87 ${GATEWAY.ip} >/dev/null`);
      assert.equal(second.status, 0, 'an address of the prefix');
      assert.ok(!(await guest.pings(DOM0.ip)), 'dom0=none');
      return undefined;
    },
  },
  {
    name: 'netns',
    title: "a tenant's bridge in a network namespace: bridge=tenant-a/br0",
    run: async (dom0) => {
      await dom0.run(`
        ip netns add tenant-a
        ip -n tenant-a link add br0 type bridge
        ip -n tenant-a addr add 198.51.100.1/24 dev br0
        ip -n tenant-a link set br0 up`);
      const own = { ...WEB, ip: '198.51.100.41' };
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(own, 'bridge=tenant-a/br0')] });
      await configure(guest, own);
      assert.ok(await guest.pings('198.51.100.1'));
      await dom0.run('ip -n tenant-a link show vif$(xl domid web1).0');
      await guest.run('ip addr add 198.51.100.66/24 dev eth0');
      const { status } = await guest.attempt('ping -c 1 -W 3 -I 198.51.100.66 198.51.100.1 >/dev/null');
      assert.notEqual(status, 0, 'as another');
      await guest.destroy();
      assert.equal(await dom0.run('ip netns exec tenant-a nft list ruleset | grep -c vg- || true'), '0');
      await dom0.run('ip netns delete tenant-a');
      return undefined;
    },
  },
];
