import { closeSync, constants, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { VifguardError } from '../errors.ts';
import { readAdvice } from './obstacle.ts';

/**
 * Reads what a file of the state directory holds; undefined when there is no such file.
 *
 * @param decode throws for what vifguard would not have written.
 * @throws VifguardError that says what to do.
 */
export function readJson<T>(file: string, decode: (json: unknown) => T): T | undefined {
  try {
    return decode(JSON.parse(readText(file)));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new VifguardError(`cannot read ${file}; ${readAdvice(file, cause as Error)}`, { cause });
  }
}

/** A pipe in the place of the file must not make anybody wait. */
function readText(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** A file written under a temporary name, to be renamed. */
export interface StagedFile {
  /** Replaces the file of its name at once. */
  commit(): void;
  discard(): void;
}

export function stageJson(file: string, value: unknown): StagedFile {
  const staged = `${file}.new`;
  const discard = () => rmSync(staged, { force: true, recursive: true });
  // Left by whoever was killed at it, or whatever it is: a pipe would make us wait.
  discard();
  try {
    writeFileSync(staged, JSON.stringify(value), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    discard();
    throw error;
  }
  return { commit: () => renameSync(staged, file), discard };
}
