import { Command, CommanderError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT_CODES, type ExitCode } from './exit-code.ts';
import type { ExplainOptions } from './explain.ts';
import {
  CHECK_HELP,
  DISABLE_HELP,
  DOCTOR_HELP,
  ENABLE_HELP,
  EXPLAIN_HELP,
  HOST_DOWN_HELP,
  HOST_HELP,
  HOST_UP_HELP,
  LINT_HELP,
  MONITOR_HELP,
  PROGRAM_HELP,
  RELOAD_HELP,
  SHOW_HELP,
  STATUS_HELP,
  WATCH_HELP,
} from './help.ts';
import type { MonitorOptions } from './monitor.ts';
import { reportError } from './report-error.ts';
import type { Terminal } from './terminal.ts';

export interface Terminals {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

interface JsonOption {
  readonly json: boolean;
}

interface WriteOption {
  readonly write: boolean;
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
export function buildProgram(terminals: Terminals, finish: (code: ExitCode) => void): Command {
  const program = newProgram(terminals);
  const { stdout } = terminals;

  verb(program, 'status', 'what is guarded, how, and what was dropped', STATUS_HELP)
    .option('--json', 'print JSON, in a stable format', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./status.ts')).status(options, terminals)),
    );

  verb(program, 'show', 'one port: policy, bridge flags, forwarding entries, rules', SHOW_HELP)
    .argument('<VIF>', 'a port, as "vifguard status" and "ip link" call it; or DOMAIN, or DOMAIN/HANDLE')
    .option('--json', 'print JSON, in a stable format', false)
    .action(async (vif: string, options: JsonOption) =>
      finish(await (await import('./show.ts')).show(vif, options, terminals)),
    );

  verb(program, 'explain', 'what becomes of a frame, why, and what would have to change', EXPLAIN_HELP)
    .argument('[VIF]', 'a port or domain, as for "vifguard show"; not with --config')
    .argument('[FRAME...]', 'a frame in words')
    .option('--hex <OCTETS>', 'a frame in hex digits, from the MACs on')
    .option('--pcap <FILE>', 'the frames of a pcap or pcapng file')
    .addOption(
      new Option(
        '--to <WHOM>',
        'the frame goes to dom0 itself, to the uplink (default), or to another VIF',
      ).conflicts('from'),
    )
    .option('--from <WHOM>', 'it comes to VIF from the uplink, from dom0, or from another VIF')
    .option('--config <FILE>', 'judge by a domain config, before its guest exists')
    .option('--vif <N>', 'which vif of the domain config', '0')
    .option('--json', 'print JSON, one object a line, in a stable format', false)
    .action(async (vif: string | undefined, frame: string[], options: ExplainOptions) => {
      const words = vif === undefined ? frame : [vif, ...frame];
      finish(await (await import('./explain.ts')).explain(words, options, terminals));
    });

  verb(program, 'check', 'whether the kernel holds what vifguard put there', CHECK_HELP)
    .option('--json', 'print JSON, in a stable format', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./check.ts')).check(options, terminals)),
    );

  verb(program, 'reload', 'apply what changed in configs and xenstore, without a gap', RELOAD_HELP)
    .argument('[VIF]', 'a port or domain, as for "vifguard show"; default: all')
    .action(async (vif: string | undefined) =>
      finish(await (await import('./reload.ts')).reload(vif, terminals)),
    );

  verb(
    program,
    'watch',
    'keep the guards as they should be, and take events from vif-guard',
    WATCH_HELP,
  ).action(async () => finish(await (await import('./watch.ts')).watch(terminals)));

  verb(program, 'monitor', 'dropped frames as they come, in words', MONITOR_HELP)
    .argument('[VIF]', 'a port or domain, as for "vifguard show"; default: all')
    .option('--all', 'also frames to guests: most are not meant for them, and so no attack', false)
    .option('--json', 'print JSON, one object a line, in a stable format', false)
    .action(async (vif: string | undefined, options: MonitorOptions) =>
      finish(await (await import('./monitor.ts')).monitor(vif, options, terminals)),
    );

  verb(program, 'lint', 'check domain configs and the host config', LINT_HELP)
    .argument('<FILE...>', 'domain configs, or vif-guard.conf')
    .action(async (files: string[]) => finish((await import('./lint.ts')).lint(files, stdout)));

  verb(program, 'doctor', 'whether this host can guard its guests, and what to do if not', DOCTOR_HELP)
    .option('--json', 'print JSON', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./doctor.ts')).doctor(options, stdout)),
    );

  verb(program, 'enable', 'make vif-guard the script of every guest that names none', ENABLE_HELP)
    .option('--write', 'change xl.conf', false)
    .action(async (options: WriteOption) =>
      finish((await import('./default-script.ts')).enable(options, stdout)),
    );

  verb(program, 'disable', 'undo "vifguard enable"', DISABLE_HELP)
    .option('--write', 'change xl.conf', false)
    .action(async (options: WriteOption) =>
      finish((await import('./default-script.ts')).disable(options, stdout)),
    );

  const host = verb(program, 'host', 'set the host up and repair it, or take everything away', HOST_HELP);
  verb(host, 'up', 'install the tables ahead of the first guest; repair what differs', HOST_UP_HELP).action(
    async () => finish(await (await import('./host.ts')).hostUp(terminals)),
  );
  verb(host, 'down', 'remove the tables; refused while guests are guarded', HOST_DOWN_HELP).action(async () =>
    finish(await (await import('./host.ts')).hostDown(terminals)),
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
