import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { endSpares, isOurs, keepSpares, RefusedRulesError, runTool } from '../../src/backends/tool.ts';
import { poll } from '../lab/poll.ts';

/** Prints its process number and what it is given. */
const ECHO = { program: 'sh', args: ['-c', 'input=$(cat); echo "$$ $input"'], debianPackage: 'dash' };

async function echo(input: string): Promise<{ pid: number; input: string }> {
  const [pid = '', ...words] = (await runTool({ ...ECHO, input, recurs: true })).trim().split(' ');
  return { pid: Number(pid), input: words.join(' ') };
}

/** The next one, once it waits. */
async function waiting(after: number): Promise<number> {
  return await poll('the next one', () => {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    return pids.find((pid) => pid !== after && pid > 0);
  });
}

test.serial('what recurs is ready for its next input in a resident process, and ends with it', async (t) => {
  keepSpares();
  t.teardown(endSpares);
  const first = await echo('one');
  t.is(first.input, 'one');
  t.true(isOurs(first.pid));
  t.deepEqual([isOurs(process.pid), isOurs(process.ppid)], [true, false]);
  const spare = await waiting(first.pid);
  t.deepEqual(await echo('two'), { pid: spare, input: 'two' });

  const killed = await waiting(spare);
  process.kill(killed, 'SIGKILL');
  await poll('its end', () => !existsSync(`/proc/${killed}`));
  const third = await echo('three');
  t.deepEqual([third.input, third.pid === killed], ['three', false]);

  const last = await waiting(third.pid);
  await endSpares();
  t.false(existsSync(`/proc/${last}`));
});

test.serial('what does not recur is started each time', async (t) => {
  keepSpares();
  t.teardown(endSpares);
  const tool = { ...ECHO, args: ['-c', 'cat; exit 1'], input: 'x' };
  await t.throwsAsync(runTool(tool), { instanceOf: RefusedRulesError });
  t.is(await runTool({ ...ECHO, args: ['-c', 'cat'], input: 'x' }), 'x');
});
