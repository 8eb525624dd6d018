import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { expectNothingLeft } from '../residue.ts';
import type { Scenario } from '../scenario.ts';
import { spec, WEB } from '../stations.ts';

/** From `xl create` to the end of a domain. */
export const LIFE: readonly Scenario[] = [
  {
    name: 'boot',
    title: 'Xen boots, xl works',
    run: async (dom0) => {
      assert.match(await dom0.run('xl list'), /^Domain-0 /m);
      return await dom0.run("xl info | sed -n 's/^xen_version *: /Xen /p'");
    },
  },
  {
    name: 'create',
    title: 'a guest is created, guarded, and reaches the gateway',
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
      await guest.configure('eth0', `${WEB.ip}/24`, `${WEB.ip6}/64`);
      assert.ok(await guest.pings(GATEWAY.ip), 'IPv4');
      assert.ok(await guest.pings(GATEWAY.ip6), 'IPv6');
      assert.match(await dom0.run('vifguard status'), /web1/);
      await dom0.run('vifguard check');
      await guest.destroy();
      await expectNothingLeft(dom0);
      return undefined;
    },
  },
];
