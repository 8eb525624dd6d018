import fc from 'fast-check';
import { Lab } from '../lab/lab.ts';
import { toHex } from '../frames/bytes.ts';
import { Arena } from './arena.ts';
import { compare } from './disagreement.ts';
import { sentFrame } from './frames.ts';
import { writtenPolicy } from './policies.ts';
import { DOMIDS } from './stations.ts';

const lab = await Lab.open();
await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
const t = () => (performance.now() / 1000).toFixed(1);
try {
  const arena = await Arena.open(lab);
  console.log(t(), 'open');
  const base = Number(process.env.SEED ?? 1);
  for (let round = 0; round < Number(process.env.ROUNDS ?? 2); round++) {
    const seed = base + round;
    const policies = fc.sample(fc.tuple(...DOMIDS.map(writtenPolicy)), { seed, numRuns: 1 })[0]!;
    const ports = await arena.guard(policies);
    console.log(t(), 'guarded', JSON.stringify(policies));
    const frames = fc.sample(sentFrame, { seed, numRuns: Number(process.env.N ?? 2000) });
    console.log(t(), 'generated');
    const found = await compare(arena, ports, frames);
    console.log(t(), 'found', found.length, found.filter((d) => d.kind === 'hole').length);
    const { expectation } = await import('./network.ts');
    const n = arena.places.map((p) => `${p}:${frames.filter((f) => expectation(f, p, ports) === 'arrives').length}`);
    console.log(n.join(' '));
    for (const d of found.slice(0, Number(process.env.SHOW ?? 6))) console.log(d.kind, d.frame.sender, '->', d.place, JSON.stringify(policies[Number(d.place) - 1]), toHex(d.frame.octets));
  }
} finally {
  await lab.stop();
}
