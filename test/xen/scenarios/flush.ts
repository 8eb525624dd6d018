import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import type { Scenario } from '../scenario.ts';
import { configure, expectGuarded, speaksAsAnother, spec, station } from '../stations.ts';

const [WEB1, WEB2, WEB3] = [station(1), station(2), station(3)];
const STRANGER = '00:16:3e:66:66:66';

/** A careless firewall's reload. */
export const FLUSH: Scenario = {
  name: 'flush',
  title: 'nft flush ruleset: MAC and isolation still hold; the next online and `host up` restore the rest',
  run: async (dom0) => {
    const [guest, peer] = await Promise.all([
      Guest.start(dom0, { name: 'web1', vifs: [spec(WEB1)] }),
      Guest.start(dom0, { name: 'web2', vifs: [spec(WEB2)] }),
    ]);
    await Promise.all([configure(guest, WEB1), configure(peer, WEB2)]);
    await dom0.run('nft flush ruleset');
    assert.ok(await speaksAsAnother(guest), 'the filter is gone');
    assert.ok(!(await guest.pings(WEB2.ip)), 'the bridge isolates');
    await guest.run(`ip link set eth0 down && ip link set eth0 address ${STRANGER} && ip link set eth0 up`);
    assert.ok(!(await guest.pings(GATEWAY.ip)), "the bridge knows the guest's MAC");
    await guest.run(`ip link set eth0 down && ip link set eth0 address ${WEB1.mac} && ip link set eth0 up`);
    await guest.run(`ip addr replace ${WEB1.ip6}/64 dev eth0`);
    assert.ok(await guest.pings(GATEWAY.ip), 'with its own MAC again');

    assert.notEqual((await dom0.attempt('vifguard check')).status, 0);
    const third = await Guest.start(dom0, { name: 'web3', vifs: [spec(WEB3)] });
    await expectGuarded(guest);
    await dom0.run('nft flush ruleset');
    await dom0.run('vifguard host up');
    await dom0.run('vifguard check');
    await expectGuarded(guest);
    for (const each of [guest, peer, third]) await each.destroy();
    await dom0.run('vifguard host down');
    return undefined;
  },
};
