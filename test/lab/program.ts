import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const SOURCE = fileURLToPath(new URL('frames.c', import.meta.url));
const TARGET = fileURLToPath(new URL('../../build/lab/', import.meta.url));

let program: Promise<string> | undefined;

/** The path of the program made of frames.c; it is compiled when there is none of this very source. */
export function framesProgram(): Promise<string> {
  program ??= compile();
  return program;
}

async function compile(): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(SOURCE))
    .digest('hex')
    .slice(0, 12);
  const path = `${TARGET}frames-${digest}`;
  if (existsSync(path)) return path;
  await mkdir(TARGET, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  await execa('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', unfinished, SOURCE]);
  await rename(unfinished, path);
  return path;
}
