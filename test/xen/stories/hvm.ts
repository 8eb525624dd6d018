import assert from 'node:assert/strict';
import { arriving, FORGERIES } from '../forgery.ts';
import { Guest, KERNEL_OPTIONS } from '../guest.ts';
import { expectCleanEnd } from '../residue.ts';
import { configure, expectGuarded, lock, spec, unlock, WEB } from '../stations.ts';
import type { Story } from '../story.ts';

/** Guests with a processor of their own, with emulated hardware (HVM) and without (PVH). */
export const HVM: Story = {
  name: 'hvm',
  needs: /\bhvm\b.*\b(hap|shadow)\b/,
  run: async (dom0, holds) => {
    const kernel = await dom0.run('echo /boot/vmlinuz-*');
    const hvm = (options: string) => [
      'type = "hvm"',
      `kernel = "${kernel}"`,
      'vga = "none"',
      'vnc = 0',
      // Where the kernel unpacks itself is chosen at random otherwise, and emulation takes minutes for some places.
      `extra = "${KERNEL_OPTIONS} nokaslr ${options}"`,
    ];
    const vifs = [spec(WEB, 'model=e1000')];
    const ports = async () => {
      const { ports } = JSON.parse(await dom0.run('vifguard status --json'));
      return ports.map(({ kind, state }: { kind: string; state: string }) => `${kind} ${state}`);
    };

    const guest = await Guest.define(dom0, { name: 'hvm1', vifs, settings: hvm('xen_emul_unplug=never') });
    await holds('by its emulated network card, a guest without drivers for Xen is itself alone', async () => {
      await guest.create();
      await configure(guest, WEB);
      await expectGuarded(guest);
      assert.deepEqual(await ports(), ['vif guarded', 'tap guarded']);
      await dom0.run('vifguard check');
      return undefined;
    });

    await holds('none of its forged frames arrives but while its config unlocks it', async () => {
      await unlock(guest);
      assert.deepEqual(await arriving(dom0, guest), Object.keys(FORGERIES));
      await lock(guest);
      assert.deepEqual(await arriving(dom0, guest), []);
      return undefined;
    });

    await holds('migrated live, it is guarded, on both ports; destroyed, it leaves nothing', async () => {
      await guest.migrate();
      assert.deepEqual(await ports(), ['vif guarded', 'tap guarded']);
      await dom0.run('vifguard check');
      await expectGuarded(guest);
      assert.deepEqual(await arriving(dom0, guest), []);
      await expectCleanEnd(guest);
      return undefined;
    });

    await holds('once a driver for Xen has unplugged the card, the vif has the MAC to itself', async () => {
      const named = [spec(WEB, 'model=e1000', 'vifname=win-eth0')];
      const driven = await Guest.start(dom0, { name: 'hvm2', vifs: named, settings: hvm('') });
      await configure(driven, WEB);
      await expectGuarded(driven);
      assert.deepEqual(await ports(), ['vif guarded']);
      await dom0.run('vifguard check');
      assert.match(await dom0.run('vifguard host up'), /^win-eth0-emu: was unplugged; win-eth0 has /m);
      assert.match(await dom0.run('bridge -d link show dev win-eth0'), / locked on/);
      await expectGuarded(driven);
      assert.deepEqual(await arriving(dom0, driven), []);
      await driven.destroy();
      return undefined;
    });

    await holds('a PVH guest is itself alone; destroyed, it leaves nothing', async () => {
      const settings = ['type = "pvh"'];
      const pvh = await Guest.start(dom0, { name: 'pvh1', vifs: [spec(WEB)], settings });
      await configure(pvh, WEB);
      await expectGuarded(pvh);
      assert.deepEqual(await arriving(dom0, pvh), []);
      await expectCleanEnd(pvh);
      return undefined;
    });
  },
};
