import { type ChildProcess, type ExecFileException, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { VifguardError } from '../errors.ts';

/** A packet filter's program that is missing, failed or took too long. */
export class FilterToolError extends VifguardError {
  override readonly name: string = 'FilterToolError';
}

/** A program that ran, and did not take its input. */
export class RefusedRulesError extends FilterToolError {
  override readonly name = 'RefusedRulesError';
}

/** Of one that ends well without having done anything, as something else in its place may. */
export function idleTool(program: string, debianPackage: string): FilterToolError {
  const advice = `see that nothing else stands in its place, or run "apt install --reinstall ${debianPackage}"`;
  return new FilterToolError(`${program} took the rules, and the kernel does not have them; ${advice}`);
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** Twice this, to attach and to close again, fits into the time of an event (see deadline). */
const TIMEOUT_MS = 12_000;
/** For all ports of a host at once, outside of an event: ebtables takes 15 s for a thousand in one run. */
export const PATIENT_MS = 300_000;

export interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  /** The tool that does the work where `program` only starts it: what goes wrong is told of it. */
  readonly starts?: string;
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Whether most events run it: a resident process then keeps one started. */
  readonly recurs?: boolean;
  /** The Debian package that has it. */
  readonly debianPackage: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

interface Ended {
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and gives what it printed. Not by execa, which takes a fifth of the time of
 * an event to load.
 *
 * @throws FilterToolError
 */
export async function runTool(tool: Tool): Promise<string> {
  const { child, ended } = takeSpare(tool) ?? start(tool);
  remember(child);
  const timer = setTimeout(() => abandon(child), tool.timeoutMs ?? TIMEOUT_MS);
  // A program that ends without reading says why by its exit status.
  child.stdin?.on('error', () => undefined).end(tool.input);
  const { error, stdout, stderr } = await ended;
  clearTimeout(timer);
  if (tool.recurs) makeSpare(tool);
  if (error !== null) throw explain(tool, error, stderr);
  return stdout;
}

/** Without waiting for what it has started, which may have its output open. */
function abandon(child: ChildProcess): void {
  child.kill();
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function start({ program, args }: Tool): Running {
  const options = { env: ENVIRONMENT, maxBuffer: 1 << 28 };
  let settle: (ended: Ended) => void;
  const ended = new Promise<Ended>((resolve) => {
    settle = resolve;
  });
  const child = execFile(program, args, options, (error, stdout, stderr) =>
    settle({ error, stdout, stderr }),
  );
  return { child, ended };
}

/** Programs that wait for their input, by command line; undefined in a process that ends with its event. */
let spares: Map<string, Running> | undefined;

/** Delay before the next spare is started, in milliseconds, so that the event that took the last is over. */
const SPARE_DELAY_MS = 100;

/**
 * From now on keeps a spare of each recurring program started, waiting for input: starting one takes as long as
 * its work. The programs read the kernel's tables only after they have read their input.
 */
export function keepSpares(): void {
  spares ??= new Map();
}

/** Ends the programs that wait; without any input they do nothing. */
export async function endSpares(): Promise<void> {
  const waiting = [...(spares?.values() ?? [])];
  spares = undefined;
  for (const { child } of waiting) child.stdin?.end();
  await Promise.all(waiting.map(({ ended }) => ended));
}

function commandLine({ program, args }: Tool): string {
  return [program, ...args].join(' ');
}

function makeSpare(tool: Tool): void {
  if (spares === undefined) return;
  const make = () => {
    if (spares?.has(commandLine(tool)) === false) spares.set(commandLine(tool), start(tool));
  };
  setTimeout(make, SPARE_DELAY_MS).unref();
}

function takeSpare(tool: Tool): Running | undefined {
  const spare = tool.recurs ? spares?.get(commandLine(tool)) : undefined;
  if (spare !== undefined) spares?.delete(commandLine(tool));
  const isThere =
    spare?.child.pid !== undefined && spare.child.exitCode === null && spare.child.signalCode === null;
  return isThere ? spare : undefined;
}

/** The last processes that have worked for us. */
const workers = new Set<number>();
const REMEMBERED = 64;

function remember({ pid }: ChildProcess): void {
  if (pid !== undefined) workers.add(pid);
  if (workers.size > REMEMBERED) workers.delete(workers.values().next().value ?? 0);
}

/**
 * Whether it is a thread of this process, or is, or was not long ago, a tool that this process has run.
 *
 * @param pid as the first PID namespace counts, as the kernel does: in another one, none is ours.
 */
export function isOurs(pid: number): boolean {
  return workers.has(pid) || existsSync(`/proc/self/task/${pid}`);
}

function explain(
  { program, starts = program, input, debianPackage, timeoutMs = TIMEOUT_MS }: Tool,
  error: ExecFileException,
  stderr: string,
): FilterToolError {
  if (error.code === 'ENOENT') {
    return new FilterToolError(`${program} is not installed; run "apt install ${debianPackage}"`, {
      cause: error.message,
    });
  }
  if (error.killed) {
    return new FilterToolError(
      `${starts} did not finish within ${timeoutMs / 1000} s; see what it waits for, then run "vifguard host up"`,
    );
  }
  const [said = ''] = stderr.trim().split('\n');
  const reason = said === '' ? '' : `: ${said}`;
  const options = { cause: `exit status ${error.code ?? error.signal}` };
  return input === undefined
    ? new FilterToolError(`${starts} failed${reason}; run "vifguard doctor"`, options)
    : new RefusedRulesError(`${starts} refused the rules${reason}; run "vifguard doctor"`, options);
}
