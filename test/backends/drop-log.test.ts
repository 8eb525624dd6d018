import test from 'ava';
import { dropLogPrefix, parseDropLogPrefix } from '../../src/backends/drop-log.ts';
import { REASONS, type Reason } from '../../src/rules/reason.ts';

test('the prefix of what is logged tells the reason, and the way where it is in it', (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    t.deepEqual(parseDropLogPrefix(dropLogPrefix(reason)), { reason });
    for (const way of ['from', 'to'] as const) {
      t.deepEqual(parseDropLogPrefix(dropLogPrefix(reason, way)), { way, reason });
    }
  }
});

test('what others log is not ours', (t) => {
  const others = ['', 'vifguard', 'vifguard/', 'vifguard/constructor', 'vifguard/up/mac-spoof', 'mac-spoof'];
  for (const text of [...others, 'vifguard/from/mac-spoof/', ' vifguard/mac-spoof']) {
    t.is(parseDropLogPrefix(text), undefined, text);
  }
});
