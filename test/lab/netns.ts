import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { LabError } from './error.ts';

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** Milliseconds, after which the command is killed; 30 s by default. */
  readonly timeout?: number;
  /** In addition to this program's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits for a child's end, also when that was long ago; what it printed may still be on its way. */
export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** All that a stream gives until it ends. */
export async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** Waits for the first output of a child, which is its way to say that it is ready. */
export async function saidReady(child: ChildProcess, name: string): Promise<void> {
  const errors: string[] = [];
  child.stderr?.on('data', (chunk) => errors.push(String(chunk)));
  const outcome = await Promise.race([
    once(child.stdout ?? child, 'data').then(() => 'ready'),
    once(child, 'close').then(() => 'ended'),
  ]);
  if (outcome === 'ended') throw new LabError(`${name} ended at its start: ${errors.join('').trim()}`);
}

/**
 * The system's own tools, then the node that runs us. npm puts node_modules/.bin in front of PATH, where
 * `nft` is something else.
 */
export const SYSTEM_PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`;

// An own /sys shows this namespace's devices; an own /run holds its state, its locks and its named namespaces.
const PREPARE = [
  'mount -t sysfs sysfs /sys',
  'mount -t tmpfs tmpfs /run',
  'mkdir /run/netns',
  'ip link set lo up',
  'while read -r key value && [ -n "$key" ]; do [ ! -e "$key" ] || echo "$value" >"$key"; done',
  'echo ready',
  'exec cat',
].join('\n');

/**
 * A network namespace with an own mount namespace, /sys and /run: a machine of the lab. Nothing names
 * it: a process holds it, that process ends when its stdin does, and so the kernel takes it all away
 * when this program ends, however it ends.
 */
export class Namespace {
  readonly #anchor: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  private constructor(
    readonly name: string,
    readonly pid: number,
    anchor: ChildProcess,
  ) {
    this.#anchor = anchor;
  }

  /** `sysctls`: values by path below /proc/sys; those that this kernel lacks are left out. */
  static async start(name: string, sysctls: Readonly<Record<string, string>> = {}): Promise<Namespace> {
    const anchor = spawn('unshare', ['--net', '--mount', 'sh', '-ec', PREPARE]);
    const settings = Object.entries(sysctls).map(([key, value]) => `/proc/sys/${key} ${value}\n`);
    anchor.stdin.write(`${settings.join('')}\n`);
    await saidReady(anchor, `namespace ${name}`);
    return new Namespace(name, anchor.pid ?? 0, anchor);
  }

  /** The command line that runs a command in here. */
  enter(command: string, args: readonly string[]): string[] {
    return ['nsenter', `--target=${this.pid}`, '--net', '--mount', '--', command, ...args];
  }

  /** Runs a command to its end, whatever that is. */
  async try(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const [file = '', ...rest] = this.enter(command, args);
    const { input = '', timeout = 30_000 } = options;
    const env = { PATH: SYSTEM_PATH, ...options.env };
    const result = await execa(file, rest, { input, timeout, env, killSignal: 'SIGKILL', reject: false });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  }

  /**
   * Runs a command and gives its output.
   *
   * @throws LabError unless it exits with 0.
   */
  async run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(command, args, options);
    if (exitCode === 0) return stdout;
    const line = [command, ...args].join(' ');
    throw new LabError(`"${line}" in ${this.name} exited with ${exitCode}: ${stderr || stdout}`);
  }

  /** Runs ip(8) on lines of its batch format, in one process. */
  async ip(...lines: readonly string[]): Promise<void> {
    await this.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Starts a process that stays; it ends with this namespace, and with this program. */
  spawn(command: string, args: readonly string[]): ChildProcess {
    const [file = '', ...rest] = this.enter('setpriv', ['--pdeathsig', 'KILL', command, ...args]);
    const child = spawn(file, rest, { env: { ...process.env, PATH: SYSTEM_PATH } });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    // A pipe breaks when the process is killed in the middle of a write; its exit says so already.
    child.stdin?.on('error', () => undefined);
    return child;
  }

  async stop(): Promise<void> {
    const children = [...this.#children];
    for (const child of children) child.kill('SIGKILL');
    this.#anchor.kill('SIGKILL');
    await Promise.all([...children, this.#anchor].map(exited));
  }
}
