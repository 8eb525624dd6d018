import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { transform } from 'esbuild';
import { MUTANTS } from './catalogue.ts';

const source = (file: string) => readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

test('every protection that "make mutants" takes out is where it is looked for, has a name of its own, and leaves a program', async (t) => {
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, file, edit } of MUTANTS) {
    const text = await source(file);
    let mutant = text;
    t.notThrows(() => {
      mutant = edit(text);
    }, name);
    t.not(mutant, text, name);
    await t.notThrowsAsync(transform(mutant, { loader: 'ts' }), name);
  }
});
