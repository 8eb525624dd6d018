import { ExecaError, execa } from 'execa';
import { VifguardError } from '../errors.ts';

/** A packet filter's program that is missing, failed or took too long. */
export class FilterToolError extends VifguardError {
  override readonly name = 'FilterToolError';
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const TIMEOUT_MS = 20_000;

export interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
  /** The Debian package that has it. */
  readonly debianPackage: string;
}

/** Runs a program to its end and gives what it printed. @throws FilterToolError */
export async function runTool({ program, args, input = '', debianPackage }: Tool): Promise<string> {
  try {
    const options = { env: ENVIRONMENT, extendEnv: false, timeout: TIMEOUT_MS, maxBuffer: 1 << 28 };
    const { stdout } = await execa(program, args, { ...options, input });
    return stdout;
  } catch (cause) {
    if (!(cause instanceof ExecaError)) throw cause;
    throw new FilterToolError(explain(program, debianPackage, cause), {
      cause: cause.originalMessage ?? cause.shortMessage,
    });
  }
}

function explain(program: string, debianPackage: string, { code, timedOut, stderr }: ExecaError): string {
  if (code === 'ENOENT') return `${program} is not installed; run "apt install ${debianPackage}"`;
  if (timedOut) return `${program} did not finish within ${TIMEOUT_MS / 1000} s`;
  const said = String(stderr ?? '')
    .trim()
    .split('\n')[0];
  return `${program} refused the rules${said === '' ? '' : `: ${said}`}; run "vifguard doctor"`;
}
