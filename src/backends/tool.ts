import { type ExecFileException, execFile } from 'node:child_process';
import { VifguardError } from '../errors.ts';

/** A packet filter's program that is missing, failed or took too long. */
export class FilterToolError extends VifguardError {
  override readonly name: string = 'FilterToolError';
}

/** A program that ran, and did not take its input. */
export class RefusedRulesError extends FilterToolError {
  override readonly name = 'RefusedRulesError';
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** Twice this, to attach and to close again, fits into the time of an event (see deadline). */
const TIMEOUT_MS = 12_000;
/** For all ports of a host at once, where no event waits: ebtables takes 25 s for a thousand. */
export const PATIENT_MS = 300_000;

/** The last processes started. */
const started = new Set<number>();
const REMEMBERED = 64;

/** Whether it is, or was not long ago, a tool that this process has run. */
export function isOwnTool(pid: number): boolean {
  return started.has(pid);
}

export interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
  readonly timeoutMs?: number;
  /** The Debian package that has it. */
  readonly debianPackage: string;
}

/**
 * Runs a program to its end and gives what it printed. Not by execa, which takes a fifth of the time of
 * an event to load.
 *
 * @throws FilterToolError
 */
export function runTool(tool: Tool): Promise<string> {
  const { program, args, input = '', timeoutMs = TIMEOUT_MS } = tool;
  const options = { env: ENVIRONMENT, timeout: timeoutMs, maxBuffer: 1 << 28 };
  return new Promise((resolve, reject) => {
    const { stdin, pid } = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(explain(tool, error, stderr));
    });
    if (pid !== undefined) started.add(pid);
    if (started.size > REMEMBERED) started.delete(started.values().next().value ?? 0);
    // A program that ends without reading says why by its exit status.
    stdin?.on('error', () => undefined).end(input);
  });
}

function explain(
  { program, debianPackage, timeoutMs = TIMEOUT_MS }: Tool,
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
      `${program} did not finish within ${timeoutMs / 1000} s; see what it waits for, then run "vifguard host up"`,
    );
  }
  const [said = ''] = stderr.trim().split('\n');
  const reason = said === '' ? '' : `: ${said}`;
  return new RefusedRulesError(`${program} refused the rules${reason}; run "vifguard doctor"`, {
    cause: `exit status ${error.code ?? error.signal}`,
  });
}
