import test from 'ava';
import { hostTables } from '../../../src/backends/xtables/host-chains.ts';
import { reasonOfMark, verdictMark } from '../../../src/backends/xtables/marks.ts';
import { NOTHING_PRESENT, restoreInput } from '../../../src/backends/xtables/restore.ts';
import { rehearse } from '../../../src/backends/xtables/tools.ts';
import { REASONS, type Reason } from '../../../src/rules/reason.ts';
import { hostWith, policy } from '../host.ts';

test('a mark tells its reason', (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) t.is(reasonOfMark(verdictMark(reason)), reason);
  t.is(reasonOfMark(0), undefined);
});

/** So many at each length with one beginning that every tree of names is as deep as it gets. */
const DEEP = [4, 5, 6, 7, 8, 10, 12, 14]
  .flatMap((length) => [`${'a'.repeat(length - 1)}b`])
  .concat(Array.from({ length: 26 }, (_, index) => `${'a'.repeat(14)}${String.fromCharCode(0x61 + index)}`));

test('the kernel takes the chains that log behind the deepest trees, and a port has one rule in each', async (t) => {
  const { ports, ...rest } = hostWith(
    Object.fromEntries(DEEP.map((name, index) => [name, policy(index + 1, { dom0: 'icmp' })])),
  );
  const restricted = new Map([...ports].map(([port, guarded]) => [port, { ...guarded, restricted: true }]));
  const tables = hostTables({ ...rest, ports: restricted });
  const saved = await rehearse(restoreInput({ tables, present: NOTHING_PRESENT, hooked: true }));
  for (const table of ['ebtables nat', 'ebtables filter', 'ip6tables raw'] as const) {
    const logging = saved[table].filter((line) =>
      /^-A vg-log(:\S+)? .*--limit 5\/s.*--nflog-group 22087/.test(line),
    );
    t.is(logging.length, DEEP.length, table);
  }
});
