import { type ChildProcess, spawn } from 'node:child_process';
import type { Lab } from './lab.ts';
import { type Action, backendPath, hotplugArguments, hotplugEnvironment, type Vif } from './libxl.ts';
import { collect, exited } from './netns.ts';

/** libxl's limit for a hotplug script (LIBXL_HOTPLUG_TIMEOUT), in milliseconds. */
const TIMEOUT = 40_000;

export interface HotplugResult {
  /** -1 when a signal ended the script. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end, in milliseconds. */
  readonly wallTime: number;
  /** What the script left in the backend node; undefined when there is no such key. */
  readonly hotplugStatus: string | undefined;
  readonly hotplugError: string | undefined;
}

export interface HotplugRun {
  readonly pid: number;
  kill(signal?: NodeJS.Signals): void;
  readonly result: Promise<HotplugResult>;
}

export interface HotplugOptions {
  /** Another script than the lab's. */
  readonly script?: string;
  /** Further environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs the script in dom0 with libxl's arguments, environment, stdin and time limit. */
export function startHotplug(
  lab: Lab,
  vif: Vif,
  action: Action,
  { script = lab.script, environment = {} }: HotplugOptions = {},
): HotplugRun {
  const [file = '', ...args] = lab.dom0.namespace.enter(script, hotplugArguments(action));
  const env = { ...lab.environment, ...environment, ...hotplugEnvironment(vif, script) };
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal);
  };
  return { pid: child.pid ?? 0, kill, result: finish(lab, vif, child) };
}

async function finish(lab: Lab, vif: Vif, child: ChildProcess): Promise<HotplugResult> {
  const start = performance.now();
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT);
  await exited(child);
  clearTimeout(timer);
  const wallTime = performance.now() - start;
  const [hotplugStatus, hotplugError] = await Promise.all(
    ['hotplug-status', 'hotplug-error'].map((key) => lab.store.read(`${backendPath(vif)}/${key}`)),
  );
  const output = { stdout: await stdout, stderr: await stderr };
  return { exitCode: child.exitCode ?? -1, ...output, wallTime, hotplugStatus, hotplugError };
}
