import test from 'ava';
import fc from 'fast-check';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseXlcfg, positionIn, type XlValue } from '../../src/config/xlcfg-parser.ts';

type Plain = string | Plain[];

function plain(value: XlValue): Plain {
  return value.kind === 'string' ? value.text : value.items.map(plain);
}

function parse(text: string): Record<string, Plain> {
  const { settings } = parseXlcfg('web.cfg', text);
  return Object.fromEntries([...settings.values()].map(({ name, value }) => [name, plain(value)]));
}

test('reads both quotes, numbers, lists over several lines, comments and separators', (t) => {
  const text = `
# a domain
name = "web"; memory = 0x200   # a number
vif = [ 'mac=00:16:3e:38:b4:ac,bridge=xenbr0', # the first
        "ip='x'",

        [ 1, [] ], ]
kernel = '/boot/"vmlinuz"'`;
  t.deepEqual(parse(text), {
    name: 'web',
    memory: '0x200',
    vif: ['mac=00:16:3e:38:b4:ac,bridge=xenbr0', "ip='x'", ['1', []]],
    kernel: '/boot/"vmlinuz"',
  });
});

test('undoes escapes as libxlu does, numeric ones included', (t) => {
  t.deepEqual(parse(String.raw`a = "\a\b\f\n\r\t\v\\\'\""`), { a: '\x07\b\f\n\r\t\v\\\'"' });
  t.deepEqual(parse(String.raw`a = "x\123y\012\n"`), { a: 'xy\n' });
});

test('the last assignment counts, and += appends to strings and lists', (t) => {
  t.deepEqual(parse("a = 1\na = 2\nb = 'x'\nb += 'y'\nc += [1]\nc += [2, 3]"), {
    a: '2',
    b: 'xy',
    c: ['1', '2', '3'],
  });
});

test('keeps line and column of settings, list items, and places within strings', (t) => {
  const { settings } = parseXlcfg('f', "\n  vif = [ 'mac=x',\n   'ip=y', '\\tz' ]");
  const vif = settings.get('vif');
  t.deepEqual(vif?.at, { line: 2, column: 3 });
  const items = vif?.value.kind === 'list' ? vif.value.items : [];
  t.deepEqual(
    items.map((item) => item.at),
    [
      { line: 2, column: 11 },
      { line: 3, column: 4 },
      { line: 3, column: 12 },
    ],
  );
  const places = items.map((item) => (item.kind === 'string' ? positionIn(item, 3) : undefined));
  t.deepEqual(places, [{ line: 2, column: 15 }, { line: 3, column: 8 }, items[2]?.at]);
});

test('keeps comments, with what stands before them', (t) => {
  const { comments } = parseXlcfg('f', "#ipv6=2001:db8::1\n a = '#no' # yes\n\t# end");
  t.deepEqual(
    comments.map(({ text, at, ownLine }) => [text, at.line, at.column, ownLine]),
    [
      ['ipv6=2001:db8::1', 1, 1, true],
      [' yes', 2, 12, false],
      [' end', 3, 2, true],
    ],
  );
});

const refused: [text: string, message: RegExp][] = [
  ['a = b', /^web.cfg:1:5: "b" cannot stand here; put text in quotes: "b"$/],
  ['\nName = "x"', /^web.cfg:2:1: "Name" is not understood; names of settings are lower case/],
  ['a = "x\nb = 1', /^web.cfg:1:5: "\\"x" is not understood; close the quote/],
  ['a = [ 1 2 ]', /^web.cfg:1:9: "2" cannot stand here; separate items by ","/],
  ['a = [ 1,\n', /^web.cfg:2:1: the end of the file cannot stand here; a value is/],
  ['a = [ , ]', /^web.cfg:1:7: "," cannot stand here/],
  ['a = [ 1; ]', /^web.cfg:1:8: ";" cannot stand here/],
  ['a = 1 b = 2', /^web.cfg:1:7: "b" cannot stand here; one setting ends with its line/],
  ['a', /^web.cfg:1:2: the end of the file cannot stand here; write a = VALUE$/],
  ['a =\n1', /^web.cfg:1:4: the end of the line cannot stand here/],
  ['a = -1', /^web.cfg:1:5: "-1" is not understood; this is no Python/],
  ['a = """x"""', /^web.cfg:1:7: "\\"x\\"" cannot stand here/],
  ['a = 1\r\n', /^web.cfg:1:6: "\\x0d" is not understood; end lines with a newline alone/],
  [String.raw`a = "xy\q"`, /^web.cfg:1:8: "\\\\q" cannot stand in a quoted string/],
  [
    String.raw`a = "x\1y"`,
    /^web.cfg:1:7: "\\\\1y" cannot stand in a quoted string; write the character itself$/,
  ],
  [String.raw`a = "\x41"`, /^web.cfg:1:6: "\\\\x" cannot stand in a quoted string/],
  ['a = "x\0"', /^web.cfg:1:7: "\\x00" cannot stand in a quoted string; take the NUL out$/],
  ['a = 1\na += []', /^web.cfg:2:1: a is a string and \+= adds a list; add a string$/],
];

for (const [text, message] of refused) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parse(text), { instanceOf: ConfigError });
    t.regex(error.message, message);
  });
}

const fragments = fc.constantFrom(
  ...'abc=+[],;#\'"\\\n\t 019xfZ-\0\r\x7fé.'.split(''),
  '+=',
  '""',
  '\\x',
  '\\1',
);

test('no text makes it do anything but parse or raise a ConfigError', (t) => {
  const texts = fc.oneof(fc.string({ unit: fragments, maxLength: 60 }), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parse(text);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const { at } = error;
        if (at === undefined || at.line > text.split('\n').length || at.column < 1)
          throw new Error('bad place');
      }
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

const huge: [name: string, text: string][] = [
  ['nested lists', `a=${'['.repeat(150_000)}${']'.repeat(150_000)}`],
  ['unclosed lists', `a=${'['.repeat(300_000)}`],
  ['one long list', `a=[${'1,'.repeat(150_000)}]`],
  ['one long string', `a="${'\\n'.repeat(150_000)}"`],
  ['an unclosed string', `a="${'x'.repeat(300_000)}`],
  ['many appended lists', 'a+=[1]\n'.repeat(50_000)],
  ['many appended strings', "a+='x'\n".repeat(50_000)],
  ['many settings', Array.from({ length: 100_000 }, (_, i) => `a${i}=1`).join('\n')],
  ['many comments', '#\n'.repeat(50_000)],
  ['one line of blanks and a comment', `${' '.repeat(300_000)}#`],
  ['many settings on one line', 'a=1;'.repeat(80_000)],
];

for (const [name, text] of huge) {
  test(`takes linear time for ${name}`, (t) => {
    const start = process.cpuUsage();
    try {
      parseXlcfg('f', text);
    } catch (error) {
      t.true(error instanceof ConfigError);
    }
    const { user } = process.cpuUsage(start);
    t.true(user < 3_000_000, `${user} microseconds`);
  });
}
