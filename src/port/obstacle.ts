import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDirectory } from '../config/config-file.ts';

/** Errors that are about the host, not the file. */
const SHORTAGES: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM'];

/** What to do about a path of the state directory that cannot be read. */
export function readAdvice(path: string, { code = '' }: NodeJS.ErrnoException): string {
  if (SHORTAGES.includes(code)) return 'see what takes all open files or memory, and try again';
  return `move ${obstacleTo(path) ?? 'it'} away and run "vifguard host up"`;
}

/** What stands where a path needs a directory, and is none; undefined when its way is clear. */
export function obstacleTo(path: string): string | undefined {
  const parent = dirname(path);
  if (parent === path) return undefined;
  return obstacleTo(parent) ?? (isThere(parent) && !isDirectory(parent) ? parent : undefined);
}

/** A symbolic link that leads nowhere is there, too. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
