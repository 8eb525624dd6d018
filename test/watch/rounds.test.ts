import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Rounds } from '../../src/watch/rounds.ts';
import { poll } from '../lab/poll.ts';

const REST_MS = 200;

/** Rounds that take 20 ms each, and when each began and ended. */
function start(restMs: number) {
  const times: { began: number; ended?: number }[] = [];
  const rounds = new Rounds(async () => {
    const time: (typeof times)[number] = { began: performance.now() };
    times.push(time);
    await sleep(20);
    time.ended = performance.now();
    return restMs;
  });
  return { rounds, times };
}

test('what is called for many times before a round begins is one round', async (t) => {
  const { rounds, times } = start(0);
  for (const delay of [30, 10, 20]) rounds.within(delay);
  await poll('a round', () => times[0]?.ended !== undefined, 10_000);
  await sleep(60);
  t.is(times.length, 1);
  await rounds.stop();
});

test('a long wait does not hold up what is due before it', async (t) => {
  const { rounds, times } = start(0);
  rounds.within(3_600_000);
  rounds.within(1);
  await poll('a round', () => times.length === 1, 10_000);
  await rounds.stop();
  t.is(times.length, 1);
});

test('what is called for during a round or a rest waits for the end of the rest', async (t) => {
  const { rounds, times } = start(REST_MS);
  rounds.within(0);
  await poll('a round', () => times.length === 1, 10_000);
  const calling = setInterval(() => rounds.within(1), 2);
  await poll('more rounds', () => times.length === 4, 10_000);
  clearInterval(calling);
  await rounds.stop();
  for (const [index, { began }] of times.slice(1).entries()) {
    const { ended = Number.NaN } = times[index] ?? {};
    t.true(began - ended >= REST_MS - 2, `${began - ended}`);
  }
});

test('none begins after it was stopped, and the one under way is waited for', async (t) => {
  const { rounds, times } = start(0);
  rounds.within(0);
  await poll('a round', () => times.length === 1, 10_000);
  rounds.within(1);
  await rounds.stop();
  t.not(times[0]?.ended, undefined);
  rounds.within(1);
  await sleep(60);
  t.is(times.length, 1);
});
