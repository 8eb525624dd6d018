import { existsSync, mkdirSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VifguardError } from '../errors.ts';
import { indexKeys } from './index-keys.ts';
import { ifThere, indexDirectory, keyDirectory, namesIn, portFile, portsDirectory } from './port-files.ts';
import type { Ports } from './ports.ts';
import { hostFile, isEmpty, type PortRecord, type Registry } from './registry.ts';
import { removeSingleFile } from './single-file.ts';
import { stageJson } from './state-file.ts';

const PRIVATE = { recursive: true, mode: 0o700 } as const;

/**
 * Replaces the registry in its state directory; what is as it was is not written, but for `host.json`:
 * another file each time. One that holds nothing leaves no file. The caller holds the lock.
 *
 * Wherever it ends, each port is recorded as it was or as it is to be, and every port that is recorded has
 * its entries in the index, and `host.json` beside it. Where there is no room, nothing is changed.
 *
 * @throws VifguardError, with the disk full for instance.
 */
export function writeRegistry(directory: string, registry: Registry): void {
  try {
    const isNothing = isEmpty(registry);
    if (isNothing || registry.ports.directory !== directory) removePorts(directory);
    if (!isNothing) writeFiles(directory, registry);
    removeSingleFile(directory);
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

function unwritable(directory: string, cause: unknown): VifguardError {
  if (cause instanceof VifguardError) return cause;
  const advice = 'see that there is room, and nothing in the way';
  return new VifguardError(`cannot write the registry in ${directory}; ${advice}`, { cause });
}

/** Those of another registry, and what is left of any. */
function removePorts(directory: string): void {
  for (const path of [portsDirectory(directory), hostFile(directory), indexDirectory(directory)]) {
    if (existsSync(path)) rmSync(path, { recursive: true });
  }
}

function writeFiles(directory: string, { ports, ...host }: Registry): void {
  const changes = [...ports.differences()].map((change) => ({ ...change, ...keysOf(change) }));
  mkdirSync(portsDirectory(directory), PRIVATE);
  const undo: (() => void)[] = [];
  const stage = (file: string, value: unknown) => {
    const staged = stageJson(file, value);
    undo.push(staged.discard);
    return staged;
  };
  try {
    const hostRecord = stage(hostFile(directory), host);
    const records = changes.flatMap(({ port, after }) =>
      after === undefined ? [] : [stage(portFile(directory, port), after)],
    );
    for (const { port, added } of changes) {
      for (const key of added) {
        undo.push(() => removeEntry(directory, key, port));
        addEntry(directory, key, port);
      }
    }
    undo.length = 0;
    for (const { port, after } of changes) if (after === undefined) unlinkSync(portFile(directory, port));
    hostRecord.commit();
    for (const record of records) record.commit();
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
  for (const { port, dropped } of changes) for (const key of dropped) removeEntry(directory, key, port);
}

interface Change {
  readonly before: PortRecord | undefined;
  readonly after: PortRecord | undefined;
}

function keysOf({ before, after }: Change) {
  const [old, wanted] = [before, after].map((record) => (record === undefined ? [] : indexKeys(record)));
  return { added: without(wanted, old), dropped: without(old, wanted) };
}

function without(keys: readonly string[] = [], others: readonly string[] = []): readonly string[] {
  const set = new Set(others);
  return keys.filter((key) => !set.has(key));
}

/** Makes the index match the ports: adds missing entries, removes stale ones. */
export function rebuildIndex(directory: string, ports: Ports): void {
  try {
    const wanted = new Set<string>();
    for (const [port, record] of ports) {
      for (const key of indexKeys(record)) {
        wanted.add(join(keyDirectory(directory, key), port));
        addEntry(directory, key, port);
      }
    }
    for (const name of namesIn(indexDirectory(directory))) {
      const path = join(indexDirectory(directory), name);
      const left = namesIn(path).filter((port) => !wanted.has(join(path, port)));
      for (const port of left) unlinkSync(join(path, port));
      removeIfEmpty(path);
    }
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

function addEntry(directory: string, key: string, port: string): void {
  const path = keyDirectory(directory, key);
  mkdirSync(path, PRIVATE);
  writeFileSync(join(path, port), '', { mode: 0o600 });
}

function removeEntry(directory: string, key: string, port: string): void {
  const path = keyDirectory(directory, key);
  ifThere(() => unlinkSync(join(path, port)));
  removeIfEmpty(path);
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOTEMPTY', 'ENOENT'].includes(code)) throw error;
  }
}
