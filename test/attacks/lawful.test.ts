import test from 'ava';
import { guard, startCast } from './cast.ts';
import { LAWFUL } from './catalogue/lawful.ts';
import { expectAllowed } from './prove.ts';

test('what a guest sends as itself arrives, each form of it', async (t) => {
  const cast = await startCast(t);
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  await expectAllowed(t, cast, LAWFUL);
});
