import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { VIFGUARD } from '../cli/vifguard.ts';
import { LabError } from '../lab/error.ts';
import type { Lab } from '../lab/lab.ts';
import { exited } from '../lab/netns.ts';
import { poll } from '../lab/poll.ts';

/** `vifguard watch` in dom0. */
export interface Watcher {
  readonly pid: number;
  /** What it has printed since it was started, or since `forget`. */
  readonly lines: readonly string[];
  forget(): void;
  /** Waits for a line. @throws LabError after 20 s */
  said(pattern: RegExp): Promise<void>;
  /** Waits until it has printed nothing for that long. */
  quiet(ms: number): Promise<void>;
  /** Ends it, and gives its exit status; -1 for a signal's. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

/** The arguments by which setpriv gives no more capabilities than vifguard.service does. */
async function sandbox(): Promise<string[]> {
  const unit = await readFile(new URL('../../hotplug/vifguard.service', import.meta.url), 'utf8');
  const [, list = ''] = /^CapabilityBoundingSet=(.+)$/m.exec(unit) ?? [];
  const names = list.split(' ').map((name) => `+${name.replace(/^CAP_/, '').toLowerCase()}`);
  return [`--bounding-set=-all,${names.join()}`, '--no-new-privs'];
}

/** Starts it, and waits until it watches. */
export async function startWatcher(lab: Lab): Promise<Watcher> {
  const env = Object.entries(lab.environment).map(([name, value]) => `${name}=${value}`);
  const child = lab.dom0.namespace.spawn('setpriv', [...(await sandbox()), 'env', ...env, VIFGUARD, 'watch']);
  let lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const watcher: Watcher = {
    pid: child.pid ?? 0,
    get lines() {
      return lines;
    },
    forget: () => {
      lines = [];
    },
    said: async (pattern) => {
      await poll(`a line like ${pattern}`, () => lines.some((line) => pattern.test(line)), 20_000).catch(
        (cause) => {
          throw new LabError(`${cause.message}; it said: ${lines.join('\n')}`);
        },
      );
    },
    quiet: async (ms) => {
      for (let count = -1; count !== lines.length; await sleep(ms)) count = lines.length;
    },
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited(child);
      return child.exitCode ?? -1;
    },
  };
  await watcher.said(/^watching/);
  return watcher;
}
