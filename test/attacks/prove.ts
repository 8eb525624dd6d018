import type { ExecutionContext } from 'ava';
import type { Attack } from './attack.ts';
import { type Cast, guard, PLACES, type PolicyOptions, startCast } from './cast.ts';
import { dropsSince, readDrops } from './drops.ts';

/**
 * Proves each attack: from an unguarded port every frame arrives where it should; from a guarded one
 * none arrives anywhere, and each is counted under the attack's reason and no other. The neighbour
 * stays unguarded, so that its guard cannot hide a fault of the attacker's.
 */
export async function proveAttacks(
  t: ExecutionContext,
  attacks: readonly Attack[],
  policy: PolicyOptions = {},
): Promise<void> {
  const cast = await startCast(t, { attacker: policy });
  await Promise.all([cast.attacker.onlineUnguarded(), cast.neighbour.onlineUnguarded()]);
  t.deepEqual(await eachFailure(attacks, (attack) => controlFailures(cast, attack)), [], 'unguarded');
  await guard(cast.attacker);
  t.deepEqual(await eachFailure(attacks, (attack) => guardFailures(cast, attack)), [], 'guarded');
}

async function eachFailure(
  attacks: readonly Attack[],
  failuresOf: (attack: Attack) => Promise<string[]>,
): Promise<string[]> {
  const failures: string[] = [];
  for (const attack of attacks) {
    failures.push(...(await failuresOf(attack)).map((failure) => `${attack.name}: ${failure}`));
  }
  return failures;
}

async function controlFailures(cast: Cast, { shots }: Attack): Promise<string[]> {
  const arrived = await arrivals(cast, shots);
  return shots.flatMap(({ reaches }, shot) =>
    reaches
      .filter((place) => !arrived[shot]?.includes(place))
      .map((place) => `shot ${shot} does not arrive at the ${place}`),
  );
}

async function guardFailures(cast: Cast, { reason, shots }: Attack): Promise<string[]> {
  const before = await readDrops(cast.lab, 'from');
  const arrived = await arrivals(cast, shots);
  const drops = dropsSince(before, await readDrops(cast.lab, 'from'));
  const leaks = shots.flatMap((_, shot) =>
    (arrived[shot] ?? []).map((place) => `shot ${shot} arrives at the ${place}`),
  );
  const expected = reason === 'kernel' ? {} : { [reason]: shots.length };
  const counted = JSON.stringify(drops) === JSON.stringify(expected);
  return counted ? leaks : [...leaks, `dropped as ${JSON.stringify(drops)}, not ${JSON.stringify(expected)}`];
}

/** For each shot of the attacker's, where it arrives. */
export async function arrivals(cast: Cast, shots: Attack['shots']) {
  const frames = shots.map(({ frame }) => frame);
  const matrix = await cast.attacker.arrivals(
    frames,
    PLACES.map((place) => cast.witnesses[place]),
  );
  return shots.map((_, shot) => PLACES.filter((_, place) => matrix[place]?.[shot]));
}
