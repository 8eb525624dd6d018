import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { startLab } from '../lab/lab.ts';
import { Arena } from './arena.ts';
import { compare } from './disagreement.ts';
import { describe } from './report.ts';
import { play, round, shrink } from './rounds.ts';
import { DOMIDS, guestStation } from './stations.ts';

const SEED = 1;
const ROUNDS = 4;
const FRAMES_PER_ROUND = 1000;
for (const backend of BACKENDS) {
  test(`${backend} and the model agree on every frame`, async (t) => {
    const arena = await Arena.open(await startLab(t, { backend }));
    for (let seed = SEED; seed < SEED + ROUNDS; seed += 1) {
      const findings = await play(arena, round(seed, FRAMES_PER_ROUND));
      t.deepEqual(findings.map(describe), [], `seed ${seed}`);
    }
  });
}

const PLAIN = DOMIDS.map((domid) => {
  const { ip, ip6 } = guestStation(domid);
  return { ip: `${ip} ${ip6}`, directives: 'peers=open' };
});

test('a rule that is missing in the kernel, and one too many, are found', async (t) => {
  const lab = await startLab(t, { backend: 'xtables' });
  const arena = await Arena.open(lab);
  const { frames } = round(SEED, FRAMES_PER_ROUND);
  const network = await arena.guard(PLAIN);
  t.deepEqual(await compare(arena, network, frames), []);
  await lab.exec('ebtables', ['-t', 'nat', '-I', 'vg-in:vif1.0', '1', '-p', 'ARP', '-j', 'DROP']);
  await lab.exec('ebtables', ['-t', 'nat', '-I', 'vg-out:vif2.0', '1', '-j', 'ACCEPT']);
  const found = await compare(arena, network, frames);
  const losses = found.filter(({ kind }) => kind === 'loss');
  const holes = found.filter(({ kind }) => kind === 'hole');
  t.true(losses.length > 0 && losses.every(({ frame }) => frame.sender === 1));
  t.true(holes.length > 0 && holes.every(({ place }) => place === 2));
});

test('the simplest frame of a finding comes from the frame of its seed and index', async (t) => {
  const lab = await startLab(t, { backend: 'xtables' });
  const arena = await Arena.open(lab);
  const network = await arena.guard(PLAIN);
  await lab.exec('ebtables', ['-t', 'nat', '-I', 'vg-out:vif2.0', '1', '-j', 'ACCEPT']);
  const { frames } = round(SEED, 500);
  const hole = (await compare(arena, network, frames)).find(({ kind }) => kind === 'hole');
  const simplest = await shrink(arena, network, { seed: SEED, index: hole?.index ?? -1 });
  t.is(simplest?.kind, 'hole');
  t.is(simplest?.place, 2);
  t.true((simplest?.frame.octets.length ?? 0) <= (hole?.frame.octets.length ?? 0));
});
