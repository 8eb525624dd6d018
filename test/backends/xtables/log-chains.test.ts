import test from 'ava';
import { reasonOfMark, verdictMark } from '../../../src/backends/xtables/marks.ts';
import { REASONS, type Reason } from '../../../src/rules/reason.ts';

test('a mark tells its reason', (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) t.is(reasonOfMark(verdictMark(reason)), reason);
  t.is(reasonOfMark(0), undefined);
});
