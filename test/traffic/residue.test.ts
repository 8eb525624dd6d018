import test, { type ExecutionContext } from 'ava';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import type { Residue } from '../lab/residue.ts';
import { addGuest, guard, startPlanned } from './guarded.ts';

/** The base chains that the tools make for our first rule, and that no tool takes away again. */
const BASE_CHAINS = {
  ebtables: ['nat PREROUTING', 'nat POSTROUTING', 'filter FORWARD', 'filter INPUT'],
  ip6tables: ['raw PREROUTING', 'filter FORWARD'],
  iptables: ['raw PREROUTING'],
};

async function makeBaseChains({ dom0 }: Lab): Promise<void> {
  const commands = Object.entries(BASE_CHAINS).flatMap(([tool, chains]) =>
    chains.flatMap((place) => {
      const [table, chain] = place.split(' ');
      return ['-A', '-D'].map((action) => `${tool} -t ${table} ${action} ${chain} -j ACCEPT`);
    }),
  );
  await dom0.namespace.run('sh', ['-ec', commands.join('\n')]);
}

/** The lock outlasts its holders, by design: removing it would let two hold it. */
function withoutLock(residue: Residue): Residue {
  const files = residue['state files'] ?? [];
  return { ...residue, 'state files': files.filter((line) => !/^\/run\/vifguard\/[^/]+\/lock$/.test(line)) };
}

const offline = async (t: ExecutionContext, guest: Guest, device: 'gone' | 'present' = 'gone') => {
  const { exitCode, stderr } = await guest.offline({ device });
  t.is(exitCode, 0, stderr);
};

/** What is done with two guests, of which nothing may remain. */
const COURSES: Readonly<
  Record<string, (t: ExecutionContext, guests: readonly [Guest, Guest]) => Promise<void>>
> = {
  'the device goes first, as with xl': async (t, [web]) => {
    await guard(web);
    await offline(t, web);
  },
  'the device is still there': async (t, [web]) => {
    await guard(web);
    await offline(t, web, 'present');
  },
  'offline twice': async (t, [web]) => {
    await guard(web);
    await offline(t, web);
    await offline(t, web);
  },
  'offline without online': (t, [web]) => offline(t, web),
  'online twice, then offline': async (t, [web]) => {
    await guard(web);
    await guard(web);
    await offline(t, web);
  },
  'two guests, of which the first leaves first': async (t, [web, peer]) => {
    await guard(web);
    await guard(peer);
    await offline(t, web);
    await offline(t, peer);
  },
  'two guests, of which the first leaves last': async (t, [web, peer]) => {
    await guard(web);
    await guard(peer);
    await offline(t, peer);
    await offline(t, web);
  },
};

for (const [name, course] of Object.entries(COURSES)) {
  test(`nothing remains: ${name}`, async (t) => {
    const { lab } = await startPlanned(t);
    await makeBaseChains(lab);
    const before = withoutLock(await lab.residue());
    const plan = { directives: 'dom0=icmp,peers=open,mac=00:16:3e:00:99:01' };
    const guests = [await addGuest(lab, 1, plan), await addGuest(lab, 2, {})] as const;
    await course(t, guests);
    for (const guest of guests) {
      await guest.unplug();
      await guest.forget();
    }
    t.deepEqual(withoutLock(await lab.residue()), before);
  });
}

test('nothing of a guest remains while another stays', async (t) => {
  const { lab } = await startPlanned(t);
  const stays = await addGuest(lab, 1, {});
  await guard(stays);
  // Chains that guests share stay until the last guest goes; the second guest's are there already.
  const before = await lab.residue();
  const goes = await addGuest(lab, 2, {});
  await guard(goes);
  t.notDeepEqual((await lab.residue()).ebtables, before.ebtables);
  await offline(t, goes);
  await goes.forget();
  t.deepEqual(await lab.residue(), before);
});
