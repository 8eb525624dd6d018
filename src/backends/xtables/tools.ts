import { type ExecFileException, execFile } from 'node:child_process';
import { VifguardError } from '../../errors.ts';
import type { TableName } from './chains.ts';
import type { RestoreInput } from './restore.ts';

/** An xtables program that is missing, failed or took too long. */
export class XtablesError extends VifguardError {
  override readonly name: string = 'XtablesError';
}

/** A program that ran, and did not take its input. */
export class RefusedRulesError extends XtablesError {
  override readonly name = 'RefusedRulesError';
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** Twice this, to attach and to close again, fits into the time of an event (see deadline). */
const TIMEOUT_MS = 12_000;

/** Applies both inputs, side by side. @throws XtablesError when one of them is refused. */
export async function restore(input: RestoreInput): Promise<void> {
  const results = await Promise.allSettled([
    run('ebtables-nft-restore', ['--noflush'], input.ebtables),
    run('ip6tables-nft-restore', ['--noflush'], input.ip6tables),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Not by execa, which takes a fifth of the time of an event to load. @throws XtablesError */
export function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const options = { env: ENVIRONMENT, timeout: TIMEOUT_MS, maxBuffer: 1 << 28 };
  return new Promise((resolve, reject) => {
    const { stdin } = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(explain(program, error, stderr));
    });
    // A program that ends without reading says why by its exit status.
    stdin?.on('error', () => undefined).end(input);
  });
}

function explain(program: string, error: ExecFileException, stderr: string): XtablesError {
  if (error.code === 'ENOENT') {
    return new XtablesError(`${program} is not installed; run "apt install iptables"`, {
      cause: error.message,
    });
  }
  if (error.killed) {
    return new XtablesError(`${program} did not finish within ${TIMEOUT_MS / 1000} s; see what it waits for`);
  }
  const [said = ''] = stderr.trim().split('\n');
  const reason = said === '' ? '' : `: ${said}`;
  return new RefusedRulesError(`${program} refused the rules${reason}; run "vifguard doctor"`, {
    cause: `exit status ${error.code ?? error.signal}`,
  });
}

/** What our tables hold, as lines in the form that the restore tools read: `:CHAIN POLICY` and `-A CHAIN RULE`. */
export type SavedTables = { readonly [name in TableName]: readonly string[] };

/** @throws XtablesError */
export async function readTables(options: { readonly counters?: boolean } = {}): Promise<SavedTables> {
  const args = options.counters ? ['-c'] : [];
  const [ebtables, ip6tables] = await Promise.all([
    run('ebtables-nft-save', args),
    run('ip6tables-nft-save', args),
  ]);
  return sections({ ebtables, ip6tables });
}

/**
 * What the save tools print once the kernel has taken these rules into empty tables, in a network
 * namespace that ends with the tool.
 *
 * @throws XtablesError when the kernel refuses them.
 */
export async function rehearse(input: RestoreInput): Promise<SavedTables> {
  const tools = ['ebtables', 'ip6tables'] as const;
  const [ebtables = '', ip6tables = ''] = await Promise.all(
    tools.map((tool) => {
      const script = `${tool}-nft-restore --noflush && exec ${tool}-nft-save`;
      return run('unshare', ['--net', 'sh', '-c', script], input[tool]);
    }),
  );
  return sections({ ebtables, ip6tables });
}

function sections(saved: RestoreInput): SavedTables {
  const of = (name: TableName) => {
    const [tool, table] = name.split(' ') as ['ebtables' | 'ip6tables', string];
    const [, section = ''] = saved[tool].split(new RegExp(`^\\*${table}$`, 'm'));
    const [lines = ''] = section.split(/^(?:\*|COMMIT)/m);
    return lines.split('\n').filter((line) => /^[:[-]/.test(line));
  };
  return {
    'ebtables filter': of('ebtables filter'),
    'ebtables nat': of('ebtables nat'),
    'ip6tables filter': of('ip6tables filter'),
    'ip6tables raw': of('ip6tables raw'),
  };
}

/** The rules of our chains, with counters if they have been read. */
export function chainsOf(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const line of lines) {
    const name = /^:(vg-\S+)/.exec(line)?.[1];
    if (name !== undefined) chains.set(name, []);
    const rule = /^(?:\[\d+:\d+\] )?-A (vg-\S+) /.exec(line)?.[1];
    if (rule !== undefined) chains.get(rule)?.push(line);
  }
  return chains;
}
