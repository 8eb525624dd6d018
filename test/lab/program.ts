import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const TARGET = fileURLToPath(new URL('../../build/lab/', import.meta.url));

const programs = new Map<string, Promise<string>>();

/** The path of the program made of frames.c. */
export function framesProgram(): Promise<string> {
  return compiled(new URL('frames.c', import.meta.url));
}

/** The path of the program made of a C file; it is compiled when there is none of this very source. */
export function compiled(source: URL): Promise<string> {
  return once(source, { flags: [], suffix: '' });
}

/** The same of a library to preload. */
export function compiledLibrary(source: URL): Promise<string> {
  return once(source, { flags: ['-shared', '-fPIC'], suffix: '.so' });
}

interface Output {
  readonly flags: readonly string[];
  readonly suffix: string;
}

function once(source: URL, output: Output): Promise<string> {
  const program = programs.get(source.href) ?? compile(fileURLToPath(source), output);
  programs.set(source.href, program);
  return program;
}

async function compile(source: string, { flags, suffix }: Output): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12);
  const path = `${TARGET}${basename(source, '.c')}-${digest}${suffix}`;
  if (existsSync(path)) return path;
  await mkdir(TARGET, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  await execa('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', unfinished, source]);
  await rename(unfinished, path);
  return path;
}
