import assert from 'node:assert/strict';
import { DOM0, GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { expectNothingLeft } from '../residue.ts';
import { configure, expectGuarded, spec, station, WEB } from '../stations.ts';
import type { Story } from '../story.ts';

/** What an administrator writes, right or wrong. */
export const CONFIG: Story = {
  name: 'config',
  run: async (dom0, holds) => {
    await holds('a wrong address: create fails, xl prints why, nothing is left', async () => {
      const guest = await Guest.define(dom0, { name: 'web1', vifs: [spec({ ...WEB, ip: '192.0.2.300' })] });
      const { status, stderr } = await dom0.attempt(`xl create ${guest.config}`);
      assert.notEqual(status, 0);
      const reason = /script: (.*192\.0\.2\.300.*)/.exec(stderr)?.[1];
      assert.ok(reason, stderr);
      await expectNothingLeft(dom0);
      return reason;
    });

    await dom0.run(`
      ip netns add tenant-a
      ip -n tenant-a link add br0 type bridge
      ip -n tenant-a addr add 198.51.100.1/24 dev br0
      ip -n tenant-a link set br0 up`);
    const lists = {
      ...WEB,
      ip: `${WEB.ip} 192.0.2.80/29`,
      ip6: '2001:db8:0:ffff:1::/80 2001:db8:0:ffff::41',
    };
    const tenant = { ...station(2), ip: '198.51.100.41' };
    const guest = await Guest.start(dom0, {
      name: 'web1',
      vifs: [spec(lists, 'vifname=shop', 'mtu=1400'), spec(tenant, 'bridge=tenant-a/br0')],
      settings: ['vifguard = [ "dom0=none" ]'],
    });
    await holds('vifname, mtu, lists and prefixes in ip=, directives in the .cfg', async () => {
      assert.equal(await dom0.run('cat /sys/class/net/shop/mtu'), '1400');
      await configure(guest, WEB);
      await expectGuarded(guest);
      await guest.run('ip addr add 192.0.2.87/24 dev eth0');
      const second = await guest.attempt(`ping -c 1 -W 3 -I 192.0.2.87 ${GATEWAY.ip} >/dev/null`);
      assert.equal(second.status, 0, 'an address of the prefix');
      assert.ok(!(await guest.pings(DOM0.ip)), 'dom0=none');
      return undefined;
    });

    await holds("a tenant's bridge in a network namespace: bridge=tenant-a/br0", async () => {
      await configure(guest, tenant, 'eth1');
      assert.ok(await guest.pings('198.51.100.1'));
      await dom0.run('ip -n tenant-a link show vif$(xl domid web1).1');
      await guest.run('ip addr add 198.51.100.66/24 dev eth1');
      const { status } = await guest.attempt('ping -c 1 -W 3 -I 198.51.100.66 198.51.100.1 >/dev/null');
      assert.notEqual(status, 0, 'as another');
      await guest.destroy();
      assert.equal(await dom0.run('ip netns exec tenant-a nft list ruleset | grep -c vg- || true'), '0');
      await dom0.run('ip netns delete tenant-a');
      return undefined;
    });
  },
};
