import { createInterface } from 'node:readline';
import { VIFGUARD } from '../cli/vifguard.ts';
import type { Lab } from '../lab/lab.ts';
import { exited } from '../lab/netns.ts';
import { poll } from '../lab/poll.ts';

/** `vifguard monitor` in dom0. */
export interface Monitoring {
  readonly pid: number;
  /** What it has printed on stdout. */
  readonly lines: readonly string[];
  /** What it has said on stderr. */
  readonly errors: readonly string[];
  /** Waits for a line. @throws LabError */
  shows(line: string | RegExp): Promise<void>;
  /** Ends it, and gives its exit status. */
  end(): Promise<number>;
}

/** Starts it, and waits until it listens. */
export async function startMonitor(lab: Lab, ...args: readonly string[]): Promise<Monitoring> {
  const env = Object.entries(lab.environment).map(([name, value]) => `${name}=${value}`);
  const child = lab.dom0.namespace.spawn('env', [...env, VIFGUARD, 'monitor', ...args]);
  const lines: string[] = [];
  const errors: string[] = [];
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  await poll('the start of the monitor', () => errors.some((line) => /^dropped frames/.test(line)), 20_000);
  return {
    pid: child.pid ?? 0,
    lines,
    errors,
    shows: async (wanted) => {
      const matches = (line: string) => (typeof wanted === 'string' ? line === wanted : wanted.test(line));
      await poll(`a line like ${wanted} among\n${lines.join('\n')}\n`, () => lines.some(matches), 10_000);
    },
    end: async () => {
      child.kill('SIGTERM');
      await exited(child);
      return child.exitCode ?? -1;
    },
  };
}
