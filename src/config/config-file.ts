import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { VifguardError } from '../errors.ts';
import { ConfigError } from './config-error.ts';

/** Far above any real domain config; what is larger is something else. */
const LARGEST = 1024 * 1024;

/**
 * The text of a configuration file, one character for each byte (latin1), as libxlu reads it.
 * Symbolic links are followed; pipes and devices are never opened. Undefined when there is no file.
 *
 * @throws ConfigError when it is no regular file, is larger than 1 MiB, or cannot be read.
 */
export function readConfigText(file: string): string | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new ConfigError({ file, problem: 'is not a regular file' });
    if (stat.size > LARGEST) {
      throw new ConfigError({ file, problem: `holds ${stat.size} bytes; a config has at most ${LARGEST}` });
    }
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (isAbsent(error)) return undefined;
    const problem = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError({ file, problem }, { cause: error });
  }
}

/**
 * Replaces the text of a file, as readConfigText gave it, at once or not at all. Owner and mode stay,
 * and a symbolic link still leads to it.
 *
 * @throws VifguardError
 */
export function replaceConfigText(file: string, text: string): void {
  try {
    const target = realpathSync(file);
    const fresh = `${target}.new`;
    rmSync(fresh, { force: true });
    try {
      writeLike(target, fresh, text);
      renameSync(fresh, target);
    } finally {
      rmSync(fresh, { force: true });
    }
  } catch (cause) {
    throw new VifguardError(`cannot write ${file}`, { cause });
  }
}

/** Writes a new file, down to the disk, with another one's owner and mode. */
function writeLike(model: string, file: string, text: string): void {
  const { uid, gid, mode } = statSync(model);
  const fd = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(fd, text, 'latin1');
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o7777);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether a system call failed because there is no such file, or can be none. */
export function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}

/** Whether the path leads to a directory; one that leads nowhere does not. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
