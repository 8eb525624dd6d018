import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { ConfigError } from '../../src/config/config-error.ts';
import { defaultScript, disableVifGuard, enableVifGuard } from '../../src/config/xl-conf.ts';
import { parseXlcfg } from '../../src/config/xlcfg-parser.ts';
import { buildXen, XEN_ROOT } from '../lab/xenstored.ts';

const FILE = 'xl.conf';
const OURS = 'vif.default.script="vif-guard"';

const enabled = (text: string) => enableVifGuard(FILE, text).text;
const disabled = (text: string) => disableVifGuard(FILE, text).text;

const places: [title: string, text: string, enabled: string, before: string, line: number | undefined][] = [
  ['nothing yet', '', `${OURS}\n`, 'vif-bridge', undefined],
  ['another setting', 'autoballoon="off"\n', `autoballoon="off"\n${OURS}\n`, 'vif-bridge', undefined],
  ['no newline at the end', 'a=1', `a=1\n${OURS}`, 'vif-bridge', undefined],
  [
    'the default in a comment',
    '# script\n#vif.default.script="vif-bridge"\n\na=1\n',
    `# script\n#vif.default.script="vif-bridge"\n${OURS}\n\na=1\n`,
    'vif-bridge',
    undefined,
  ],
  [
    'a comment that only mentions it',
    '# vif.default.script is best\na=1\n',
    `# vif.default.script is best\na=1\n${OURS}\n`,
    'vif-bridge',
    undefined,
  ],
  [
    'the comment within a list',
    'a=[ "x",\n#vif.default.script="y"\n"z" ]\n',
    `a=[ "x",\n#vif.default.script="y"\n"z" ]\n${OURS}\n`,
    'vif-bridge',
    undefined,
  ],
  [
    'another script',
    '#vif.default.script="vif-bridge"\n vif.default.script = "vif-openvswitch" # ours\na=1\n',
    `#vif.default.script="vif-bridge"\n vif.default.script = "vif-openvswitch" # ours\n${OURS}\na=1\n`,
    'vif-openvswitch',
    2,
  ],
  [
    'another script, twice, the last among other settings',
    "vif.default.script='one'\na=1; vif.default.script='vif-route'; b=2\nc=3",
    `vif.default.script='one'\na=1; vif.default.script='vif-route'; b=2\n${OURS}\nc=3`,
    'vif-route',
    2,
  ],
  [
    'a script put together',
    'vif.default.script="vif-"\nvif.default.script+="nat"\n',
    `vif.default.script="vif-"\nvif.default.script+="nat"\n${OURS}\n`,
    'vif-nat',
    2,
  ],
  [
    'a list, which xl passes over',
    'vif.default.script=[\n"x" ]\n',
    `vif.default.script=[\n"x" ]\n${OURS}\n`,
    'vif-bridge',
    undefined,
  ],
];

for (const [title, text, expected, before, line] of places) {
  test(`enabled with ${title}, and disabled again`, (t) => {
    const change = enableVifGuard(FILE, text);
    t.is(change.text, expected);
    t.is(change.before.script, before);
    t.is(change.before.at?.line, line);
    const number = expected.split('\n').indexOf(OURS) + 1;
    t.deepEqual(change.lines, [{ sign: '+', line: number, text: OURS }]);
    t.deepEqual(change.after, { script: 'vif-guard', at: { line: number, column: 1 } });
    const back = disableVifGuard(FILE, expected);
    t.is(back.text, text);
    t.deepEqual(back.lines, [{ sign: '-', line: number, text: OURS }]);
    t.deepEqual(back.after, change.before);
  });
}

test("Debian's own xl.conf gets its line below the one in a comment", async (t) => {
  await buildXen();
  const text = readFileSync(join(XEN_ROOT, 'etc/xen/xl.conf'), 'latin1');
  t.is(enabled(text), text.replace(/^#vif\.default\.script="vif-bridge"\n/m, `$&${OURS}\n`));
  t.not(enabled(text), text);
  t.is(disabled(enabled(text)), text);
});

for (const script of ['vif-guard', '/etc/xen/scripts/vif-guard']) {
  test(`${script} is there already`, (t) => {
    const text = `vif.default.script = '${script}' # by hand\n`;
    t.deepEqual(enableVifGuard(FILE, text).lines, []);
    t.is(enabled(text), text);
    t.is(disabled(text), '');
  });
}

test('disabled where nothing is enabled changes nothing', (t) => {
  const text = '#vif.default.script="vif-guard"\nvif.default.script="vif-guard-not"\n';
  t.is(disabled(text), text);
  t.deepEqual(disableVifGuard(FILE, text).lines, []);
});

test('every line goes that would count again', (t) => {
  const text = `vif.default.script="vif-nat"\n${OURS}\na=1\n vif.default.script="vif-guard" # twice\n`;
  const { text: after, lines } = disableVifGuard(FILE, text);
  t.is(after, 'vif.default.script="vif-nat"\na=1\n');
  t.deepEqual(
    lines.map(({ line }) => line),
    [4, 2],
  );
});

for (const text of [
  'a=1; vif.default.script="vif-guard"\n',
  'a=[ "x"\n]; vif.default.script="vif-guard"\n',
  'vif.default.script="vif-"\nvif.default.script+="guard"\n',
]) {
  test(`a line that is not ours alone stays: ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => disabled(text), { instanceOf: ConfigError });
    t.regex(error?.message ?? '', /^xl\.conf:[12]:\d+: .*; take it out by hand$/);
  });
}

test('what xl cannot read is refused', (t) => {
  for (const edit of [enabled, disabled]) {
    t.throws(() => edit('vif.default.script=vif-bridge\n'), {
      instanceOf: ConfigError,
      message: /^xl\.conf:1:20: /,
    });
  }
});

test('of any xl.conf no other setting changes, and disabling gives it back', (t) => {
  const line = fc.constantFrom(
    'a=1',
    'vif.default.script="vif-nat"',
    '#vif.default.script="vif-bridge"',
    ' # vif.default.script = "x"',
    'b=[ "x",',
    '"y" ]',
    'c="1"; vif.default.script=\'vif-route\'',
    'vif.default.script+="x"',
    '',
    ';',
  );
  const others = (text: string) =>
    [...parseXlcfg(FILE, text).settings.values()].flatMap(({ name, value }) =>
      name === 'vif.default.script'
        ? []
        : [[name, value.kind === 'string' ? value.text : value.items.length]],
    );
  let valid = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom('', '\n'), (lines, end) => {
      const text = lines.join('\n') + end;
      try {
        parseXlcfg(FILE, text);
      } catch {
        return;
      }
      valid += 1;
      t.is(defaultScript(FILE, enabled(text)).script, 'vif-guard');
      t.deepEqual(others(enabled(text)), others(text));
      t.is(disabled(enabled(text)), text);
    }),
    { numRuns: 2000 },
  );
  t.true(valid > 200);
});
