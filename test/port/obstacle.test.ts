import test from 'ava';
import { readAdvice } from '../../src/port/obstacle.ts';

const because = (code: string) =>
  readAdvice('/run/vifguard/net-1/host.json', Object.assign(new Error(), { code }));

test('what cannot be read is to be moved away, unless the host is short of something', (t) => {
  t.is(because('EISDIR'), 'move it away and run "vifguard host up"');
  for (const shortage of ['EMFILE', 'ENFILE', 'ENOMEM'])
    t.is(because(shortage), 'see what takes all open files or memory, and try again');
});
