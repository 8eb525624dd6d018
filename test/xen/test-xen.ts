import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { renderTable } from '../../src/cli/table.ts';
import { describeError } from '../../src/errors.ts';
import type { Dom0 } from './dom0.ts';
import { Qemu } from './qemu.ts';
import { destroyAll, expectNothingLeft } from './residue.ts';
import type { Scenario } from './scenario.ts';
import { NOT_RUN, SCENARIOS } from './scenarios/index.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/dom0', import.meta.url));
const BUILD = fileURLToPath(new URL('image/build', import.meta.url));

interface Outcome {
  readonly scenario: Scenario;
  readonly failure: unknown;
  readonly seconds: number;
  readonly remark: string;
}

/** One after the other: dom0 is slow, and what a scenario leaves behind is to be its own. */
async function runScenario(dom0: Dom0, scenario: Scenario): Promise<Outcome> {
  const start = performance.now();
  let failure: unknown;
  let remark = '';
  try {
    remark = (await scenario.run(dom0)) ?? '';
  } catch (error) {
    failure = error;
  }
  try {
    await destroyAll(dom0);
    await expectNothingLeft(dom0);
  } catch (error) {
    failure ??= error;
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`${failure === undefined ? 'ok    ' : 'FAILED'} ${scenario.title} (${seconds.toFixed(0)} s)`);
  if (failure !== undefined) console.log(failure);
  return { scenario, failure, seconds, remark };
}

function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ scenario, failure, seconds, remark }) => [
    scenario.name,
    failure === undefined ? 'ok' : 'FAILED',
    seconds.toFixed(0),
    scenario.title,
    failure === undefined ? remark : (describeError(failure).split('\n')[0] ?? ''),
  ]);
  return renderTable(['scenario', 'result', 's', 'what holds', 'seen'], rows);
}

/** Scenarios by their names, separated by commas; all of them for none. */
function selected(only: string): readonly Scenario[] {
  const names = only.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new TypeError(`no scenario ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
}

const { positionals } = parseArgs({ allowPositionals: true });
const [product = '', only = ''] = positionals;
const scenarios = selected(only);
const start = performance.now();
await execa(BUILD, [DIRECTORY, product], { stdio: 'inherit' });
const qemu = await Qemu.boot(DIRECTORY);
try {
  console.log(`dom0 is up after ${((performance.now() - start) / 1000).toFixed(0)} s, its image included`);
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) outcomes.push(await runScenario(qemu.dom0, scenario));
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  console.log(`\n${tableOf(outcomes)}\n`);
  for (const what of NOT_RUN) console.log(`not run: ${what}`);
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await qemu.stop();
}
