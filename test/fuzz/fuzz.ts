import { BACKENDS } from '../../src/backends/names.ts';
import { parseWord } from '../../src/policy/vocabulary.ts';
import { Lab } from '../lab/lab.ts';
import { Arena } from './arena.ts';
import { describe, save } from './report.ts';
import { play, round } from './rounds.ts';

// make fuzz: FRAMES=1000000 SEED=1 BACKEND=xtables

const { FRAMES = '50000', SEED = `${Date.now() % 1_000_000}`, BACKEND = 'xtables' } = process.env;
const backend = parseWord(BACKEND, BACKENDS);
const FRAMES_PER_ROUND = 10_000;

async function fuzz(lab: Lab): Promise<boolean> {
  const arena = await Arena.open(lab);
  const started = performance.now();
  let sent = 0;
  let found = 0;
  for (let seed = Number(SEED); sent < Number(FRAMES); seed += 1) {
    const next = round(seed, Math.min(FRAMES_PER_ROUND, Number(FRAMES) - sent));
    const findings = await play(arena, next);
    for (const finding of findings) console.log(`${describe(finding)}\n  saved as ${await save(finding)}`);
    sent += next.frames.length;
    found += findings.length;
    const rate = (1000 * sent) / (performance.now() - started);
    console.log(`${BACKEND}, seed ${seed}: ${sent} frames, ${rate.toFixed(0)}/s, ${found} findings`);
  }
  return found === 0;
}

const lab = await Lab.open({ backend });
try {
  process.exitCode = (await fuzz(lab)) ? 0 : 1;
} finally {
  await lab.stop();
}
