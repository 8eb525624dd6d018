import test from 'ava';
import { Patience } from '../../src/watch/patience.ts';

test('what is undone again and again waits ever longer, to a limit, and alone', (t) => {
  const patience = new Patience();
  let now = 1_000_000;
  const waits: number[] = [];
  for (let round = 0; round < 18; round++) {
    const wait = patience.wait('vif1.0', now);
    waits.push(wait);
    now += wait;
    patience.restored('vif1.0', now);
  }
  t.deepEqual(waits.slice(0, 10), Array(10).fill(0));
  t.deepEqual(
    waits.slice(10),
    [1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000),
  );
  t.is(patience.wait('vif2.0', now), 0);
  t.is(patience.wait('vif1.0', now + 10_000), 20_000);
});

test('what has stayed right for a minute is put right at once again', (t) => {
  const patience = new Patience();
  for (let round = 0; round < 12; round++) patience.restored('vif1.0', 0);
  t.true(patience.wait('vif1.0', 0) > 0);
  t.is(patience.wait('vif1.0', 60_001), 0);
  patience.restored('vif1.0', 60_001);
  t.is(patience.wait('vif1.0', 60_002), 0);
});
