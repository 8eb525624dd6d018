import { renderTable } from '../../src/cli/table.ts';
import { describeError } from '../../src/errors.ts';
import type { Dom0 } from './dom0.ts';
import { destroyAll, expectNothingLeft } from './residue.ts';
import { STORIES } from './stories/index.ts';
import type { Holds, Story } from './story.ts';

/** What became of one check. */
interface Outcome {
  readonly story: string;
  readonly title: string;
  readonly failure: unknown;
  readonly seconds: number;
  readonly remark: string;
}

/** Its checks in their order, and that it leaves nothing; the first that fails is the last. */
async function tell(dom0: Dom0, story: Story): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let start = performance.now();
  const conclude = (title: string, failure: unknown, remark = '') => {
    const seconds = (performance.now() - start) / 1000;
    start = performance.now();
    console.log(
      `${failure === undefined ? 'ok    ' : 'FAILED'} ${story.name}: ${title} (${seconds.toFixed(0)} s)`,
    );
    if (failure !== undefined) console.log(failure);
    outcomes.push({ story: story.name, title, failure, seconds, remark });
  };
  const holds: Holds = async (title, check) => {
    try {
      conclude(title, undefined, (await check()) ?? '');
    } catch (error) {
      conclude(title, error);
      throw error;
    }
  };
  let told = false;
  try {
    await story.run(dom0, holds);
    told = true;
  } catch (error) {
    if (outcomes.at(-1)?.failure === undefined) conclude('between its checks', error);
  }
  try {
    await destroyAll(dom0);
    await expectNothingLeft(dom0);
  } catch (error) {
    if (told) conclude('nothing is left', error);
  }
  return outcomes;
}

function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ story, title, failure, seconds, remark }) => [
    story,
    failure === undefined ? 'ok' : 'FAILED',
    seconds.toFixed(0),
    title,
    failure === undefined ? remark : (describeError(failure).split('\n')[0] ?? ''),
  ]);
  return renderTable(['story', 'result', 's', 'what holds', 'seen'], rows);
}

/** Stories by their names, separated by commas; all of them for none. */
export function selected(only: string): readonly Story[] {
  const names = only.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !STORIES.some((story) => story.name === name));
  if (unknown !== undefined) {
    throw new TypeError(`no story ${unknown}; there are ${STORIES.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? STORIES : STORIES.filter(({ name }) => names.includes(name));
}

/**
 * Tells the stories, each dom0 the next that is left and that its Xen can do; prints what became of them, and gives
 * whether all holds.
 */
export async function runSuite(dom0s: readonly Dom0[], stories: readonly Story[]): Promise<boolean> {
  const start = performance.now();
  const told = new Map<Story, readonly Outcome[]>();
  const left = new Set(stories);
  const work = async (dom0: Dom0) => {
    const capabilities = await dom0.run("xl info | sed -n 's/^virt_caps *: //p'");
    const isAble = ({ needs }: Story) => needs === undefined || needs.test(capabilities);
    const next = () => [...left].find(isAble);
    for (let story = next(); story !== undefined; story = next()) {
      left.delete(story);
      told.set(story, await tell(dom0, story));
    }
  };
  await Promise.all(dom0s.map(work));
  const outcomes = stories.flatMap((story) => told.get(story) ?? []);
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  console.log(`\n${tableOf(outcomes)}\n`);
  for (const { name, needs } of left) {
    console.log(`not run: ${name}: no Xen here has ${needs} in virt_caps of "xl info"`);
  }
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`${outcomes.length - failed} passed, ${failed} failed, in ${minutes} minutes`);
  return outcomes.length > 0 && failed === 0;
}
