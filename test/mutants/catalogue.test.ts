import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { MUTANTS } from './catalogue.ts';

const source = (file: string) => readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

test('every protection that "make mutants" takes out is where it is looked for, and has a name of its own', async (t) => {
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, file, edit } of MUTANTS) {
    const text = await source(file);
    t.not(
      t.notThrows(() => edit(text), name),
      text,
      name,
    );
  }
});
