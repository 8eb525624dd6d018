/** Our parser against the real libxlutil, on generated texts. Needs gcc and libxen-dev, which `make deps` installs. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { execa } from 'execa';
import fc from 'fast-check';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseXlcfg, type XlValue } from '../../src/config/xlcfg-parser.ts';

type Plain = string | Plain[];

const SOURCE = fileURLToPath(new URL('./xlu-oracle.c', import.meta.url));
const BUILD = fileURLToPath(new URL('../../build', import.meta.url));
const SAMPLES = 30_000;

/** For a machine that cannot have libxen-dev: `VIFGUARD_TEST_WITHOUT_XLU=1`. */
const differential = process.env.VIFGUARD_TEST_WITHOUT_XLU === '1' ? test.skip : test;

differential('makes of any text what libxlutil makes of it', async (t) => {
  t.timeout(120_000);
  const seed = Date.now() | 0;
  const texts = fc.sample(configTexts(), { numRuns: SAMPLES, seed });
  const oracle = await buildOracle((directory) => t.teardown(() => rmSync(directory, { recursive: true })));
  const theirs = await ask(oracle, texts);
  // xl gets a newline at the end when its command line holds settings; then, too, it must parse.
  const theirsWithNewline = await ask(
    oracle,
    texts.map((text) => `${text}\n`),
  );
  const ours = texts.map(answer);
  const differing = texts.findIndex((_, i) => ours[i] !== theirs[i] && ours[i] !== theirsWithNewline[i]);
  const accepted = theirs.filter((line) => line !== 'null').length;
  t.log(`seed ${seed}: ${accepted} of ${SAMPLES} texts accepted by libxlutil`);
  t.true(accepted > SAMPLES / 10, 'the generator makes hardly any valid text');
  t.is(differing, -1, JSON.stringify([texts[differing], ours[differing], theirs[differing]]));
  const missed = texts.find((_, i) => theirs[i] !== 'null' && ours[i] !== theirs[i]);
  t.is(missed, undefined);
});

async function buildOracle(onDirectory: (directory: string) => void): Promise<string> {
  mkdirSync(BUILD, { recursive: true });
  const directory = mkdtempSync(join(BUILD, 'xlu-'));
  onDirectory(directory);
  const oracle = join(directory, 'oracle');
  await execa('gcc', ['-Wall', '-O1', '-o', oracle, SOURCE, '-lxlutil']);
  return oracle;
}

async function ask(oracle: string, texts: readonly string[]): Promise<string[]> {
  const input = texts.flatMap((text) => {
    const bytes = Buffer.from(text, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  const { stdout } = await execa(oracle, { input: Buffer.concat(input) });
  return stdout.split('\n').map((line) => canonical(JSON.parse(line)));
}

function answer(text: string): string {
  try {
    const { settings } = parseXlcfg('text', text);
    const known = ['a', 'b', 'c'].flatMap((name) => {
      const value = settings.get(name)?.value;
      return value === undefined ? [] : [[name, plain(value)] as const];
    });
    return canonical(Object.fromEntries(known));
  } catch (error) {
    if (error instanceof ConfigError) return canonical(null);
    throw error;
  }
}

function canonical(value: Record<string, Plain> | null): string {
  return JSON.stringify(value);
}

function plain(value: XlValue): Plain {
  return value.kind === 'string' ? value.text : value.items.map(plain);
}

/** Mostly near-valid texts, as noise is refused at its first byte. No NUL: libxlu aborts on one in a string. */
function configTexts(): fc.Arbitrary<string> {
  const blank = fc.constantFrom('', '', ' ', '\t', '  ');
  const content = fc.string({
    unit: fc.constantFrom(
      ...'xyz019 #=[],;\'"\t\r\xe9'.split(''),
      ...['\\n', "\\'", '\\"', '\\\\', '\\a', '\\v', '\\12', '\\123', '\\0 +5', '\\x41', '\\q', '\\7-1'],
    ),
    maxLength: 6,
  });
  const string = fc.oneof(
    { weight: 3, arbitrary: content.map((text) => `'${text.replace(/(?<!\\)'/g, '"')}'`) },
    { weight: 3, arbitrary: content.map((text) => `"${text.replace(/(?<!\\)"/g, "'")}"`) },
    { weight: 1, arbitrary: content.map((text) => `"${text}"`) },
  );
  const number = fc.constantFrom('0', '1', '42', '0x1f', '9fx', '7');
  const newline = fc.constantFrom('\n', '\n', ' # note\n', '\n#ipv6=2001:db8::1\n');
  const gap = fc.oneof({ weight: 3, arbitrary: blank }, { weight: 1, arbitrary: newline });
  const comma = fc.constantFrom(',', ',', ',', ',', ',', ',', ',,', ';', '');
  const { value } = fc.letrec<{ value: string; list: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      { weight: 3, arbitrary: string },
      { weight: 2, arbitrary: number },
      { weight: 2, arbitrary: tie('list') },
    ),
    list: fc
      .tuple(
        fc.array(fc.tuple(gap, tie('value'), gap, comma), { maxLength: 4 }),
        fc.constantFrom('', ','),
        gap,
      )
      .map(([items, trailing, end]) => {
        const inner = items.map(([before, item, after, separator]) => before + item + after + separator);
        return `[${inner.join('').replace(/,$/, trailing)}${end}]`;
      }),
  }));
  const name = fc.constantFrom('a', 'b', 'c', 'a', 'b', 'a.b', 'c_1', 'B', '_a');
  const equals = fc.constantFrom('=', '=', '=', ' = ', '+=', ' += ', '+ =', '==');
  const end = fc.constantFrom('\n', '\n', '\n', ';', ' # note\n', '\r\n', ' ');
  const assignment = fc.tuple(blank, name, equals, value, blank, end).map((parts) => parts.join(''));
  const noise = fc.string({ unit: fc.constantFrom(...'ab01 =+[],;#\'"\\\n\r.-(é'.split('')), maxLength: 8 });
  const statement = fc.oneof(
    { weight: 12, arbitrary: assignment },
    { weight: 2, arbitrary: newline },
    { weight: 1, arbitrary: noise },
  );
  return fc
    .tuple(fc.array(statement, { maxLength: 4 }), fc.constantFrom('', '', '\n', '# end', 'a=1'))
    .map(([statements, last]) => statements.join('') + last);
}
