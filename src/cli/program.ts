import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT_CODES, type ExitCode } from './exit-code.ts';
import { reportError } from './report-error.ts';
import type { Terminal } from './terminal.ts';

export interface Terminals {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

interface JsonOption {
  readonly json: boolean;
}

/** Runs `vifguard` with these arguments (without node and the program's own name). Throws nothing. */
export async function run(args: readonly string[], terminals: Terminals): Promise<ExitCode> {
  let code: ExitCode = EXIT_CODES.ok[0];
  const program = buildProgram(terminals, (verdict) => {
    code = verdict;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has printed its message, or the help that was asked for.
    if (!(error instanceof CommanderError)) return reportError(error, terminals.stderr);
    return (error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage)[0];
  }
}

/** Each verb's module is loaded when it runs: `lint` needs no netlink. */
function buildProgram({ stdout, stderr }: Terminals, finish: (code: ExitCode) => void): Command {
  const program = newProgram({ stdout, stderr });

  verb(program, 'lint', 'check domain configs and the host config', LINT_HELP)
    .argument('<FILE...>', 'domain configs, or vif-guard.conf')
    .action(async (files: string[]) => finish((await import('./lint.ts')).lint(files, stdout)));

  verb(program, 'doctor', 'whether this host can guard its guests, and what to do if not', DOCTOR_HELP)
    .option('--json', 'print JSON', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./doctor.ts')).doctor(options, stdout)),
    );

  return program;
}

/** Settings that the verbs inherit. */
function newProgram({ stdout, stderr }: Terminals): Command {
  const line = (text: string) => text.replace(/\n$/, '');
  return new Command('vifguard')
    .description('Guards the network ports of Xen guests: each can speak only as itself.')
    .version(packageJson.version)
    .helpCommand(false)
    .addHelpText('after', PROGRAM_HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.print(line(text)),
      writeErr: (text) => stderr.print(line(text)),
      outputError: (text, write) => write(text.replace(/^error:/, stderr.paint('red', 'vifguard:'))),
    });
}

function verb(parent: Command, name: string, summary: string, help: string): Command {
  return parent.command(name).description(summary).addHelpText('after', `\n${help}`);
}

const EXIT_HELP = Object.values(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n');

const PROGRAM_HELP = `
Examples:
  vifguard doctor                    can this host guard guests?
  vifguard lint /etc/xen/web1.cfg    before "xl create"

Exit codes:
${EXIT_HELP}

Files:
  /etc/xen/vif-guard.conf            the host's defaults; VIFGUARD_CONF names another
"vifguard VERB --help" has more.`;

const LINT_HELP = `Prints FILE:LINE:COLUMN: severity: message; advice. An error keeps a guest from starting and makes
the exit code 1; a warning is something that is hardly meant.

Examples:
  vifguard lint /etc/xen/*.cfg
  vifguard lint /etc/xen/vif-guard.conf`;

const DOCTOR_HELP = `Each line is ok, warn or fail, with the remedy below; exits with 1 when something fails.

Examples:
  vifguard doctor
  vifguard doctor --json | jq '.[] | select(.severity == "fail")'`;
