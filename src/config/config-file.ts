import { readFileSync, statSync } from 'node:fs';
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
