import test from 'ava';
import { run } from '../../src/cli/program.ts';
import { openTerminal } from '../../src/cli/terminal.ts';

/** Runs the program in this process, with what it prints in text. */
async function cli(...args: readonly string[]) {
  const printed = { stdout: '', stderr: '' };
  const terminal = (stream: 'stdout' | 'stderr') =>
    openTerminal({
      write: (text) => {
        printed[stream] += text;
      },
    });
  const code = await run(args, { stdout: terminal('stdout'), stderr: terminal('stderr') });
  return { code, ...printed };
}

for (const verb of [
  [],
  ['status'],
  ['show'],
  ['explain'],
  ['check'],
  ['reload'],
  ['watch'],
  ['monitor'],
  ['lint'],
  ['doctor'],
  ['enable'],
  ['disable'],
  ['host'],
  ['host', 'up'],
  ['host', 'down'],
]) {
  test(`vifguard ${[...verb, '--help'].join(' ')} teaches by example`, async (t) => {
    const { code, stdout, stderr } = await cli(...verb, '--help');
    t.is(code, 0);
    t.is(stderr, '');
    t.regex(stdout, /^Examples?:\n {2}vifguard /m);
    for (const line of stdout.split('\n')) t.true(line.length <= 110, line);
  });
}

const wrong: [args: readonly string[], message: RegExp][] = [
  [['stauts'], /^vifguard: unknown command 'stauts'\n\(Did you mean status\?\)/],
  [['status', '--jsn'], /^vifguard: unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['host', 'upp'], /^vifguard: unknown command 'upp'\n\(Did you mean up\?\)/],
  [['show'], /^vifguard: missing required argument 'VIF'/],
  [['check', 'vif1.0'], /^vifguard: too many arguments/],
];

for (const [args, message] of wrong) {
  test(`vifguard ${args.join(' ')} is wrong usage`, async (t) => {
    const { code, stdout, stderr } = await cli(...args);
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, message);
  });
}
