import { ExecaError, execa } from 'execa';
import { VifguardError } from '../../errors.ts';
import type { TableName } from './chains.ts';
import type { RestoreInput } from './restore.ts';

/** An xtables program that is missing, failed or took too long. */
export class XtablesError extends VifguardError {
  override readonly name = 'XtablesError';
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const TIMEOUT_MS = 20_000;

/** Applies both inputs, side by side. @throws XtablesError when one of them is refused. */
export async function restore(input: RestoreInput): Promise<void> {
  const results = await Promise.allSettled([
    run('ebtables-nft-restore', ['--noflush'], input.ebtables),
    run('ip6tables-nft-restore', ['--noflush'], input.ip6tables),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** What a tool prints of all its tables, in the form the restore tools read. */
export async function save(tool: 'ebtables' | 'ip6tables'): Promise<string> {
  return await run(`${tool}-nft-save`, []);
}

/** @throws XtablesError */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  try {
    const options = { env: ENVIRONMENT, extendEnv: false, timeout: TIMEOUT_MS, maxBuffer: 1 << 28 };
    const { stdout } = await execa(program, args, { ...options, input });
    return stdout;
  } catch (cause) {
    if (!(cause instanceof ExecaError)) throw cause;
    throw new XtablesError(explain(program, cause), { cause: cause.originalMessage ?? cause.shortMessage });
  }
}

function explain(program: string, { code, timedOut, stderr }: ExecaError): string {
  if (code === 'ENOENT') return `${program} is not installed; run "apt install iptables"`;
  if (timedOut) return `${program} did not finish within ${TIMEOUT_MS / 1000} s`;
  const said = String(stderr ?? '')
    .trim()
    .split('\n')[0];
  return `${program} refused the rules${said === '' ? '' : `: ${said}`}; run "vifguard doctor"`;
}

/** The sections of what `save` prints, by table, as lines. */
export function tableSections(
  tool: 'ebtables' | 'ip6tables',
  saved: string,
): ReadonlyMap<TableName, readonly string[]> {
  const sections = new Map<TableName, string[]>();
  let current: string[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) {
      current = [];
      sections.set(`${tool} ${line.slice(1)}` as TableName, current);
    } else if (line.startsWith(':') || line.startsWith('-')) {
      current.push(line);
    }
  }
  return sections;
}
