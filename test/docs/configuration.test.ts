import { readFileSync } from 'node:fs';
import test from 'ava';
import { configurationPage } from '../../scripts/manual/configuration-page.ts';
import { parseDirectives } from '../../src/config/directives.ts';
import { parseHostConfig } from '../../src/config/host-config.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const PAGE = configurationPage(read('hotplug/vif-guard.conf'));

/** The words that a parser knows, which it lists when it meets another. */
function knownWords(parse: () => unknown): readonly string[] {
  try {
    parse();
  } catch (error) {
    const [, words = ''] = /it is one of ([a-z0-9_, -]+)/.exec(String(error)) ?? [];
    return words.split(', ').sort();
  }
  return [];
}

test('docs/configuration.md is what "make docs" makes', (t) => {
  t.is(read('docs/configuration.md'), PAGE);
});

test('it has every setting of the host config, and no other', (t) => {
  const known = knownWords(() => parseHostConfig('x', 'nothing_like_it = "1"'));
  const told = [...PAGE.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name);
  t.true(known.length > 5);
  t.deepEqual(told.sort(), known);
});

test('it has every key of a vifguard entry, and no other', (t) => {
  const text = 'nothing-like-it=1';
  const known = knownWords(() => parseDirectives('x', { kind: 'string', text, at: { line: 1, column: 1 } }));
  const [, shared = ''] = /^Keys of a vifguard entry: (.*) as below; further$/m.exec(PAGE) ?? [];
  const own = [...PAGE.matchAll(/^ {2}([a-z]+)=[A-Z]/gm)].map(([, key = '']) => key);
  t.true(known.length > 5);
  t.deepEqual([...shared.split(/, | and /), ...own].sort(), known);
});
