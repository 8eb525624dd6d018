import assert from 'node:assert/strict';
import { FORGERIES, Pour } from '../forgery.ts';
import { Guest } from '../guest.ts';
import { expectCleanEnd } from '../residue.ts';
import { configure, expectGuarded, lock, spec, unlock, WEB } from '../stations.ts';
import type { Story } from '../story.ts';

/** Live, from this host to itself. */
export const MIGRATION: Story = {
  name: 'migration',
  needs: /\bshadow\b/,
  run: async (dom0, holds) => {
    const guest = await Guest.start(dom0, { name: 'web1', vifs: [spec(WEB)] });
    await configure(guest, WEB);
    const pour = await Pour.start(guest);
    const still = async () => undefined;

    await holds(
      'what a guest pours arrives while its config unlocks it, and then no forged frame',
      async () => {
        assert.deepEqual(await pour.arrivingDuring(() => unlock(guest)), Object.keys(FORGERIES));
        await lock(guest);
        assert.deepEqual(await pour.arrivingDuring(still), []);
        return undefined;
      },
    );

    await holds(
      'migrated meanwhile, it goes on as itself alone, and its old port leaves nothing',
      async () => {
        const before = await guest.id();
        assert.deepEqual(await pour.arrivingDuring(() => guest.migrate()), []);
        const after = await guest.id();
        assert.notEqual(after, before);
        assert.match(
          await dom0.run('vifguard status'),
          new RegExp(` vif${after}\\.0 +web1 \\(${after}\\) .* guarded`),
        );
        await dom0.run('vifguard check');
        assert.equal(await dom0.run(`nft list ruleset | grep -c "vif${before}\\.0" || true`), '0');
        await expectGuarded(guest);
        return undefined;
      },
    );

    await holds('refused where it should go, it stays where it is, guarded', async () => {
      const before = await guest.id();
      const elsewhere = '/etc/xen/elsewhere.cfg';
      await dom0.run(`sed 's/ip=[^ ]*/ip=192.0.2.300/' ${guest.config} >${elsewhere}`);
      const arrived = await pour.arrivingDuring(async () => {
        await assert.rejects(guest.migrate(`-C ${elsewhere}`), /192\.0\.2\.300/);
      });
      assert.deepEqual(arrived, []);
      assert.equal(await guest.id(), before);
      await dom0.run('vifguard check');
      await expectGuarded(guest);
      return undefined;
    });

    await expectCleanEnd(guest);
  },
};
