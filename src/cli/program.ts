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

  verb(program, 'status', 'what is guarded, how, and what was dropped', STATUS_HELP)
    .option('--json', 'print JSON, of a shape that stays', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./status.ts')).status(options, stdout)),
    );

  verb(program, 'show', 'one port: its policy, bridge flags and rules', SHOW_HELP)
    .argument('<VIF>', 'the port, as "vifguard status" and "ip link" call it')
    .action(async (port: string) => finish(await (await import('./show.ts')).show(port, stdout)));

  verb(program, 'check', 'whether the kernel holds what vifguard put there', CHECK_HELP).action(async () =>
    finish(await (await import('./check.ts')).check(stdout)),
  );

  verb(program, 'lint', 'check domain configs and the host config', LINT_HELP)
    .argument('<FILE...>', 'domain configs, or vif-guard.conf')
    .action(async (files: string[]) => finish((await import('./lint.ts')).lint(files, stdout)));

  const host = verb(program, 'host', 'set the host up, or take everything of vifguard away', HOST_HELP);
  verb(
    host,
    'up',
    'install the tables ahead of the first guest, and repair what is there',
    HOST_UP_HELP,
  ).action(async () => finish(await (await import('./host.ts')).hostUp(stdout)));
  verb(host, 'down', 'remove the tables; refused while guests are guarded', HOST_DOWN_HELP).action(async () =>
    finish(await (await import('./host.ts')).hostDown(stdout)),
  );

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
  vifguard status                    after it
  vifguard show vif1.0               why does a guest's packet not get through?
  vifguard check || mail -s drift root </dev/null

Exit codes:
${EXIT_HELP}

Files:
  /etc/xen/vif-guard.conf            the host's defaults; VIFGUARD_CONF names another
  /run/vifguard                      what is guarded now
"vifguard VERB --help" has more.`;

const STATUS_HELP = `State:
  guarded    the bridge holds the port to its policy
  down       the same, and the port is administratively down
  DRIFT      the bridge's settings are not as they should be: "vifguard show VIF" says which
  missing    the port is guarded, and there is no such device
  UNGUARDED  a guest's port on a bridge, which vifguard knows nothing of

Drops count since the rules were loaded, by reason; every reason is explained by "vifguard show VIF".

Examples:
  vifguard status
  vifguard status --json | jq -r '.ports[] | select(.state != "guarded") | .port'

JSON:
  { "ports": [ { "port", "bridge", "kind", "domain", "domid", "handle", "mac", "addresses", "mode",
    "state", "differences": [TEXT], "drops": { REASON: COUNT } } ] }
  What is not known is null; addresses is "any" or a list. Keys may be added, none will change.`;

const SHOW_HELP = `Prints the policy in words, each bridge flag as the kernel has it beside what it should be, the
forwarding entries, and the rules with their counters as they are in the kernel.

Examples:
  vifguard show vif1.0
  vifguard show vif3.0-emu           the emulated port of an HVM guest`;

const CHECK_HELP = `Compares tables, bridge flags, forwarding entries and devices with what they should be, changes nothing,
and exits with 1 when something differs. "vifguard host up" writes the tables anew; for a port,
"xl network-detach" and "xl network-attach", or a reboot of the guest.

Example:
  vifguard check                     prints "3 ports guarded", or what differs`;

const LINT_HELP = `Prints FILE:LINE:COLUMN: severity: message; advice. An error keeps a guest from starting and makes
the exit code 1; a warning is something that is hardly meant.

Examples:
  vifguard lint /etc/xen/*.cfg
  vifguard lint /etc/xen/vif-guard.conf`;

const HOST_HELP = `Examples:
  vifguard host up                   at boot; else the first guest does it
  vifguard host down                 before removing the package`;

const HOST_UP_HELP = `Example:
  vifguard host up                   after "nft flush ruleset" or a reload of the firewall, too`;

const HOST_DOWN_HELP = `Example:
  vifguard host down`;

const DOCTOR_HELP = `Each line is ok, warn or fail, with the remedy below; exits with 1 when something fails.

Examples:
  vifguard doctor
  vifguard doctor --json | jq '.[] | select(.severity == "fail")'`;
