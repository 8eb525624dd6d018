import type { ExecutionContext } from 'ava';
import type { Bytes } from '../frames/index.ts';
import { among, observe } from '../lab/witness.ts';
import { type Attack, because, type Shot } from './attack.ts';
import { type Cast, type CastOptions, guard, PLACES, type Spot, startCast, witness } from './cast.ts';
import { onBackend } from './differences.ts';
import { type Direction, type Drops, dropsSince, readDrops } from './drops.ts';

export interface ProofOptions extends CastOptions {
  /** Whose rules stop the frames: those for what comes from the guest, or for what goes to it. */
  readonly direction?: Direction;
  /** What is done with the guarded guest before the attacks. */
  readonly prepare?: (cast: Cast) => Promise<unknown>;
}

/**
 * Proves each attack: with an unguarded port every frame arrives where it should; with a guarded one
 * none arrives anywhere, and each is counted under the attack's reason and no other. The neighbour
 * stays unguarded, so that its guard cannot hide a fault of the guest's.
 */
export async function proveAttacks(
  t: ExecutionContext,
  attacks: readonly Attack[],
  options: ProofOptions = {},
): Promise<void> {
  const cast = await startCast(t, options);
  await Promise.all([cast.guest.onlineUnguarded(), cast.neighbour.onlineUnguarded()]);
  await expectArrivals(t, cast, attacks);
  await guard(cast.guest);
  await options.prepare?.(cast);
  await expectDrops(t, cast, attacks, options.direction);
}

/** Every frame arrives wherever it should. */
export async function expectArrivals(
  t: ExecutionContext,
  cast: Cast,
  attacks: readonly Attack[],
): Promise<void> {
  t.deepEqual(await failures(attacks, (batch) => missing(cast, batch)), [], 'arrives');
}

/** No frame arrives anywhere, and each is counted as it should. */
export async function expectDrops(
  t: ExecutionContext,
  cast: Cast,
  attacks: readonly Attack[],
  direction: Direction = 'from',
): Promise<void> {
  const seen = attacks.map((attack) => onBackend(cast.lab.backend, attack));
  t.deepEqual(await failures(seen, (batch) => leaks(cast, batch, direction)), [], 'is dropped');
}

type Examine = (batch: readonly Attack[]) => Promise<readonly string[]>;

/** Of what is not sent, and of what would arrive nowhere anyway, nothing is proved. @throws TypeError */
function assertMeaningful(attacks: readonly Attack[]): void {
  if (attacks.length === 0) throw new TypeError('there is no attack to prove');
  const idle = attacks.find(
    ({ shots }) => shots.length === 0 || shots.some(({ reaches }) => reaches.length === 0),
  );
  if (idle) throw new TypeError(`"${idle.name}" sends nothing, or something that arrives nowhere`);
}

/** Examines many attacks at once, as that is fast; where something is wrong, each alone, as that is exact. */
async function failures(attacks: readonly Attack[], examine: Examine): Promise<readonly string[]> {
  assertMeaningful(attacks);
  const found: string[] = [];
  for (const batch of batches(attacks)) {
    const together = await examine(batch);
    if (together.length === 0) continue;
    const alone: string[] = [];
    for (const attack of batch) alone.push(...(await examine([attack])));
    found.push(...(alone.length === 0 ? together : alone));
  }
  return found;
}

const BATCH = 25;

/** Attacks of one reason, not too many. */
function batches(attacks: readonly Attack[]): readonly (readonly Attack[])[] {
  const reasons = [...new Set(attacks.map(({ reason }) => reason))];
  return reasons.flatMap((reason) => {
    const same = attacks.filter((attack) => attack.reason === reason);
    return Array.from({ length: Math.ceil(same.length / BATCH) }, (_, i) =>
      same.slice(i * BATCH, (i + 1) * BATCH),
    );
  });
}

async function missing(cast: Cast, batch: readonly Attack[]): Promise<readonly string[]> {
  return (await arrivals(cast, batch)).flatMap(({ name, shot: { reaches }, arrived }) =>
    reaches.filter((spot) => !arrived.includes(spot)).map((spot) => `${name} does not arrive at the ${spot}`),
  );
}

async function leaks(cast: Cast, batch: readonly Attack[], direction: Direction): Promise<readonly string[]> {
  const before = await readDrops(cast.lab, direction);
  const reason = batch[0]?.reason ?? 'kernel';
  const results = await arrivals(cast, batch);
  const drops = dropsSince(before, await readDrops(cast.lab, direction));
  return [
    ...results.flatMap(({ name, arrived }) => arrived.map((spot) => `${name} arrives at the ${spot}`)),
    ...miscount(drops, {
      reason,
      frames: results.length,
      open: reason === 'unfiltered' || direction === 'to',
    }).map((problem) => `${batch[0]?.name}: ${problem}`),
  ];
}

/**
 * Of a frame that meets the filter behind the bridge, each copy is counted; and so is, on the way to a
 * guest, what the kernels of the network send of themselves (MLD, RS).
 *
 * @param open whether more frames than those sent may have been dropped for that reason.
 */
function miscount(drops: Drops, { reason, frames, open }: Expected): readonly string[] {
  const found = reason === 'kernel' ? 0 : (drops[reason] ?? 0);
  const count = open && found > frames ? found : frames;
  const expected = JSON.stringify(reason === 'kernel' ? {} : { [reason]: count });
  const actual = JSON.stringify(drops);
  return actual === expected ? [] : [`${actual} dropped, not ${expected}`];
}

interface Expected {
  readonly reason: Attack['reason'];
  readonly frames: number;
  readonly open: boolean;
}

interface Arrival {
  readonly name: string;
  readonly shot: Shot;
  readonly arrived: readonly Spot[];
}

/** For each shot, where it arrives of the spots that it could. */
async function arrivals(cast: Cast, batch: readonly Attack[]): Promise<readonly Arrival[]> {
  const shots = batch.flatMap(({ name, shots }) =>
    shots.map((shot, i) => ({ name: `${name}, shot ${i}`, shot })),
  );
  const seen = new Map<Spot, (frame: Bytes) => boolean>();
  const spots: readonly Spot[] = [...new Set(shots.flatMap(({ shot }) => spotsOf(shot)))];
  const observations = await observe(
    () =>
      send(
        cast,
        shots.map(({ shot }) => shot),
      ),
    spots.map((spot) => witness(cast, spot)),
  );
  spots.forEach((spot, i) => void seen.set(spot, among(observations[i] ?? [])));
  return shots.map(({ name, shot }) => ({
    name,
    shot,
    arrived: spotsOf(shot).filter((spot) => seen.get(spot)?.(shot.frame)),
  }));
}

/** In order; those of one sender without waiting. */
async function send(cast: Cast, shots: readonly Shot[]): Promise<void> {
  for (let next = 0; next < shots.length; ) {
    const from = shots[next]?.from;
    const end = shots.findIndex((shot, i) => i > next && shot.from !== from);
    const run = shots.slice(next, end < 0 ? undefined : end);
    await witness(cast, from ?? 'guest').nic.send(...run.map(({ frame }) => frame));
    next += run.length;
  }
}

/** Where a shot could arrive. */
function spotsOf({ from }: Shot): readonly Spot[] {
  return from === undefined ? PLACES : ['guest'];
}

/** Frames that no rule may stop: they arrive wherever they should. */
export async function expectAllowed(
  t: ExecutionContext,
  cast: Cast,
  shots: Readonly<Record<string, readonly Shot[]>>,
): Promise<void> {
  await expectArrivals(t, cast, because('kernel', shots));
}
