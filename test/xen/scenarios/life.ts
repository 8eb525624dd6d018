import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import { Guest } from '../guest.ts';
import { expectNothingLeft } from '../residue.ts';
import type { Scenario } from '../scenario.ts';
import { configure, expectGuarded, speaksAsAnother, spec, WEB } from '../stations.ts';

const RESTORE_SECONDS = 400;

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
    name: 'stock',
    title: "with Xen's own vif-bridge a guest may be anybody",
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB, 'script=vif-bridge')] });
      await configure(guest, WEB);
      assert.ok(await guest.pings(GATEWAY.ip));
      assert.ok(await speaksAsAnother(guest));
      return undefined;
    },
  },
  {
    name: 'create',
    title: 'a created guest reaches the gateway, as itself alone; destroyed, it leaves nothing',
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
      await configure(guest, WEB);
      await expectGuarded(guest);
      assert.match(await dom0.run('vifguard status'), /web1/);
      await dom0.run('vifguard check');
      await guest.destroy();
      await expectNothingLeft(dom0);
      return undefined;
    },
  },
  {
    name: 'reboot',
    title: 'a guest that reboots from inside is guarded again',
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
      const before = await guest.id();
      await guest.type('reboot -f');
      await guest.ready(2);
      assert.notEqual(await guest.id(), before);
      await configure(guest, WEB);
      await expectGuarded(guest);
      return undefined;
    },
  },
  {
    name: 'restore',
    title: 'saved and restored',
    run: async (dom0) => {
      const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
      await configure(guest, WEB);
      await dom0.run('xl save web1 /tmp/web1.save', { timeout: RESTORE_SECONDS });
      await expectNothingLeft(dom0);
      await dom0.run('xl restore /tmp/web1.save; status=$?; rm /tmp/web1.save; exit $status', {
        timeout: RESTORE_SECONDS,
      });
      await expectGuarded(guest);
      return undefined;
    },
  },
];
