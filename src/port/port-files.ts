import { existsSync, opendirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { VifguardError } from '../errors.ts';
import { readAdvice } from './obstacle.ts';
import type { PortRecord } from './registry.ts';
import { requirePortShape } from './registry-shape.ts';
import { readJson } from './state-file.ts';

const SUFFIX = '.json';

/** Directory entries read per call; callers often need only the first. */
const FEW = 32;

export function portsDirectory(directory: string): string {
  return join(directory, 'ports');
}

export function portFile(directory: string, port: string): string {
  return join(portsDirectory(directory), `${port}${SUFFIX}`);
}

export function indexDirectory(directory: string): string {
  return join(directory, 'index');
}

/** What the ports under a key are listed in: an empty file each. */
export function keyDirectory(directory: string, key: string): string {
  return join(indexDirectory(directory), encodeURIComponent(key));
}

/**
 * The ports of a state directory, each in a file of its own, which is read when it is asked for: one
 * event needs few of them. A port is what it was when it was first asked for, whatever has become of it.
 */
export class PortFiles {
  readonly directory: string;
  readonly #known = new Map<string, PortRecord | undefined>();

  constructor(directory: string) {
    this.directory = directory;
  }

  has(port: string): boolean {
    return this.#known.has(port)
      ? this.#known.get(port) !== undefined
      : existsSync(portFile(this.directory, port));
  }

  /** @throws VifguardError when the file cannot be read or holds no record. */
  read(port: string): PortRecord | undefined {
    if (!this.#known.has(port)) this.#known.set(port, readRecord(portFile(this.directory, port)));
    return this.#known.get(port);
  }

  names(): readonly string[] {
    const names: string[] = [];
    for (const name of namesIn(portsDirectory(this.directory))) {
      const port = portOf(name);
      if (port !== undefined && !this.#isGone(port)) names.push(port);
    }
    return names;
  }

  /** The names, one by one, for callers that may need only the first. */
  *each(): Iterable<string> {
    for (const name of eachIn(portsDirectory(this.directory))) {
      const port = portOf(name);
      if (port !== undefined && !this.#isGone(port)) yield port;
    }
  }

  /** The ports under a key, one by one; stale index entries may add ports that had the key before. */
  *under(key: string): Iterable<string> {
    for (const port of eachIn(keyDirectory(this.directory, key))) if (this.has(port)) yield port;
  }

  /** The same, all at once; ports that are gone may be among them. */
  allUnder(key: string): readonly string[] {
    return namesIn(keyDirectory(this.directory, key));
  }

  #isGone(port: string): boolean {
    return this.#known.has(port) && this.#known.get(port) === undefined;
  }
}

/** Undefined for a file that still has its temporary name. */
function portOf(fileName: string): string | undefined {
  return fileName.endsWith(SUFFIX) ? fileName.slice(0, -SUFFIX.length) : undefined;
}

function readRecord(file: string): PortRecord | undefined {
  return readJson(file, (json) => {
    requirePortShape(json);
    return json;
  });
}

/** What is in a directory; nothing when there is none. */
export function namesIn(path: string): readonly string[] {
  return listed(path, () => readdirSync(path)) ?? [];
}

function* eachIn(path: string): Iterable<string> {
  const directory = listed(path, () => opendirSync(path, { bufferSize: FEW }));
  if (directory === undefined) return;
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } finally {
    directory.closeSync();
  }
}

function listed<T>(path: string, list: () => T): T | undefined {
  try {
    return ifThere(list);
  } catch (cause) {
    throw new VifguardError(`cannot list ${path}; ${readAdvice(path, cause as Error)}`, { cause });
  }
}

/** Undefined when there is no such file. */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
