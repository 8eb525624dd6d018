import { readFileSync } from 'node:fs';
import test from 'ava';
import { execa } from 'execa';
import { manuals } from '../../scripts/manual/manuals.ts';
import { helpText, page, paragraph, section, title, verbatim } from '../../scripts/manual/roff.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { openTerminal } from '../../src/cli/terminal.ts';

const terminal = openTerminal(process.stderr);
const PROGRAM = buildProgram({ stdout: terminal, stderr: terminal }, () => undefined);
const CONF = readFileSync(new URL('../../hotplug/vif-guard.conf', import.meta.url), 'utf8');
const PAGES = manuals(PROGRAM, CONF);

/** A page as man(1) shows it, without warnings of groff. @throws with them */
async function render(manual: string): Promise<string> {
  const options = ['-man', '-Tascii', '-ww', '-b', '-P-cbou', '-rLL=200n'];
  const { stdout, stderr } = await execa('groff', options, { input: manual });
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim();

for (const [name, manual] of Object.entries(PAGES)) {
  test(`${name} is a page without a warning`, async (t) => {
    const text = await render(manual);
    t.regex(text, /^NAME\n +vif\S* - \w/m);
    t.regex(text, /^SYNOPSIS\n/m);
    t.regex(text, /^SEE ALSO\n/m);
    t.is(
      manual.split('\n').find((line) => /[^\x20-\x7e]/.test(line)),
      undefined,
    );
  });
}

test('vifguard(8) has every verb, option and example of --help', async (t) => {
  const text = squeezed(await render(PAGES['man/man8/vifguard.8'] ?? ''));
  const leaves = PROGRAM.commands.flatMap((verb) => (verb.commands.length > 0 ? verb.commands : [verb]));
  t.true(leaves.length >= 8);
  for (const verb of leaves) {
    let help = '';
    verb.configureOutput({ writeOut: (part) => (help += part) }).outputHelp();
    t.true(
      text.includes(`vifguard ${verb.parent === PROGRAM ? '' : `${verb.parent?.name()} `}${verb.name()}`),
    );
    for (const { long } of verb.options) t.true(text.includes(`${long} `), long);
    for (const line of help.match(/^ {2}vifguard .*$/gm) ?? []) {
      t.true(text.includes(squeezed(line).replaceAll('’', "'")), line);
    }
  }
  for (const heading of ['EXAMPLES', 'EXIT CODES', 'ENVIRONMENT', 'FILES']) {
    t.true(text.includes(` ${heading} `), heading);
  }
  for (const name of ['VIFGUARD_CONF', 'XENSTORED_PATH', 'NO_COLOR']) t.true(text.includes(name), name);
});

test('vif-guard.conf(5) has every setting with its default, and the keys of an entry', async (t) => {
  const text = squeezed(await render(PAGES['man/man5/vif-guard.conf.5'] ?? ''));
  const settings = [...CONF.matchAll(/^#([a-z0-9_]+ = .*)$/gm)].map(([, setting = '']) => setting);
  t.is(settings.length, 10);
  for (const setting of settings) t.true(text.includes(squeezed(setting)), setting);
  for (const key of ['ip=ADDRESS...', 'mac=MAC...', 'role=ROLE...', 'vlan=VID', 'vrrp=VRID ADDRESS...']) {
    t.true(text.includes(key), key);
  }
});

test('what means something to roff is text', async (t) => {
  const lines = [".ab 'quit' \\n(yr", "'so x", '', '"a" ^ ~ ` - -- \\fB'];
  const text = await render(
    page(
      title({ name: 'x', section: 8, source: 'y' }),
      section('One', paragraph('.ex "now"\n\'br'), verbatim(lines)),
    ),
  );
  for (const line of ['.ex "now" \'br', ...lines]) t.true(text.includes(line), `${line}\n${text}`);
});

test('help text is paragraphs, headings and lines that stay', (t) => {
  const blocks = helpText('One\ntwo.\n\nExamples:\n  x y\n    z\nThree', (name) => `# ${name}`);
  t.deepEqual(blocks, [paragraph('One\ntwo.'), '# Examples', verbatim(['x y', '  z']), paragraph('Three')]);
});
