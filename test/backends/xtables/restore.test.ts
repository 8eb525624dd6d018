import test from 'ava';
import { hostTables } from '../../../src/backends/xtables/host-chains.ts';
import { HOOKED_ONCE, NOTHING_PRESENT, restoreInput } from '../../../src/backends/xtables/restore.ts';
import { rehearse } from '../../../src/backends/xtables/tools.ts';
import { hostWith, policy } from '../host.ts';

const tablesFor = (ports: number) =>
  hostTables(
    hostWith(
      Object.fromEntries(
        Array.from({ length: ports }, (_, id) => [`vif${id + 1}.0`, policy((id % 250) + 1)]),
      ),
    ),
  );
const tables = tablesFor(60);

const linesOf = (text: string) => text.trimEnd().split('\n');

test('many rules go in several runs while nothing is hooked in: chains first, the hooks last', (t) => {
  const { ebtables } = restoreInput({ tables, present: NOTHING_PRESENT, hooked: true });
  const nat = ebtables.map(linesOf).filter(([table]) => table === '*nat');
  t.true(nat.length > 1);
  t.true(nat.every((lines) => lines.at(-1) === 'COMMIT'));
  const kinds = nat.flatMap((lines) => lines.slice(1, -1)).map((line) => line.slice(0, 2).replace(/:./, ':'));
  t.deepEqual(
    kinds.filter((kind, index) => kind !== kinds[index - 1]),
    [':', '-A', '-I'],
  );
});

test('each run has rules: emptying chains that are empty is no transaction, and the runs are counted', (t) => {
  const input = restoreInput({ tables: tablesFor(1000), present: NOTHING_PRESENT, hooked: true });
  t.true(input.ebtables.length > 20);
  for (const text of Object.values(input).flat()) t.regex(text, /^-/m);
});

test('the kernel holds what the runs say, each rule once', async (t) => {
  const input = restoreInput({ tables, present: NOTHING_PRESENT, hooked: true });
  t.true(input.ebtables.length > 1);
  const saved = Object.values(await rehearse({ tables, hooked: true })).flat();
  const rulesOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('-A vg-')).length;
  t.is(rulesOf(saved), rulesOf(Object.values(input).flat().flatMap(linesOf)));
});

test('one run, that the kernel takes or not, once frames meet the rules', (t) => {
  const present = { ...NOTHING_PRESENT, hooks: HOOKED_ONCE };
  const input = restoreInput({ tables, present, hooked: true });
  t.deepEqual(
    Object.values(input).map((runs) => runs.length),
    [1, 1, 1],
  );
});
