import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

/** The calls that change a directory tree. */
const CHANGING = ['mkdirSync', 'writeFileSync', 'renameSync', 'unlinkSync', 'rmdirSync', 'rmSync'] as const;
type Changing = (typeof CHANGING)[number];

type Call = (...args: unknown[]) => unknown;

/** Called before each such call; what it throws ends the call, of a file with nothing in it yet. */
type Intercept = (name: Changing) => void;

function intercepted(action: () => void, intercept: Intercept): void {
  const originals = new Map(CHANGING.map((name) => [name, fs[name] as Call]));
  const { writeFileSync } = fs;
  const replace = (name: Changing, call: Call) => Object.assign(fs, { [name]: call });
  for (const [name, original] of originals) {
    replace(name, (...args) => {
      try {
        intercept(name);
      } catch (error) {
        if (name === 'writeFileSync') writeFileSync(String(args[0]), '');
        throw error;
      }
      return original.apply(fs, args);
    });
  }
  // What removes a tree is as many calls as there are things in it.
  replace('rmSync', (path, options) => removeTree(String(path), options as fs.RmOptions));
  syncBuiltinESMExports();
  try {
    action();
  } finally {
    for (const [name, original] of originals) replace(name, original);
    syncBuiltinESMExports();
  }
}

function removeTree(path: string, { force = false }: fs.RmOptions = {}): void {
  const stats = fs.statSync(path, { throwIfNoEntry: !force });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    fs.unlinkSync(path);
    return;
  }
  for (const name of fs.readdirSync(path)) removeTree(join(path, name));
  fs.rmdirSync(path);
}

/** Runs an action as if its process were killed after that many calls. False when it ended before. */
export function interrupted(action: () => void, calls: number): boolean {
  const killed = new Error('killed');
  let left = calls;
  try {
    intercepted(action, () => {
      left -= 1;
      if (left < 0) throw killed;
    });
  } catch (error) {
    if (left >= 0) throw error;
  }
  return left < 0;
}

/** Runs an action where there is no room for the file or directory of that number; gives what it throws. */
export function withoutRoom(action: () => void, number: number): unknown {
  let left = number;
  try {
    intercepted(action, (name) => {
      if (name !== 'mkdirSync' && name !== 'writeFileSync') return;
      left -= 1;
      if (left === -1) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    });
  } catch (error) {
    return error;
  }
  return undefined;
}
