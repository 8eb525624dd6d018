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
export function buildProgram(terminals: Terminals, finish: (code: ExitCode) => void): Command {
  const program = newProgram(terminals);
  const { stdout } = terminals;

  verb(program, 'status', 'what is guarded, how, and what was dropped', STATUS_HELP)
    .option('--json', 'print JSON, of a shape that stays', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./status.ts')).status(options, terminals)),
    );

  verb(program, 'show', 'one port: policy, bridge flags, forwarding entries, rules', SHOW_HELP)
    .argument('<VIF>', 'a port, as "vifguard status" and "ip link" call it; or DOMAIN, or DOMAIN/HANDLE')
    .option('--json', 'print JSON, of a shape that stays', false)
    .action(async (vif: string, options: JsonOption) =>
      finish(await (await import('./show.ts')).show(vif, options, terminals)),
    );

  verb(program, 'check', 'whether the kernel holds what vifguard put there', CHECK_HELP)
    .option('--json', 'print JSON, of a shape that stays', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./check.ts')).check(options, terminals)),
    );

  verb(program, 'lint', 'check domain configs and the host config', LINT_HELP)
    .argument('<FILE...>', 'domain configs, or vif-guard.conf')
    .action(async (files: string[]) => finish((await import('./lint.ts')).lint(files, stdout)));

  verb(program, 'doctor', 'whether this host can guard its guests, and what to do if not', DOCTOR_HELP)
    .option('--json', 'print JSON', false)
    .action(async (options: JsonOption) =>
      finish(await (await import('./doctor.ts')).doctor(options, stdout)),
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

const EXIT_HELP = Object.values(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n');

const PROGRAM_HELP = `
Examples:
  vifguard doctor                    can this host guard guests?
  vifguard lint /etc/xen/web1.cfg    before "xl create"
  vifguard status                    after it
  vifguard show web1                 why does a guest's packet not get through?
  vifguard check || vifguard host up put right what somebody changed

Exit codes:
${EXIT_HELP}

Files:
  /etc/xen/vif-guard.conf            the host's defaults; VIFGUARD_CONF names another
  /run/vifguard/net-*/registry.json  what is guarded now, by network namespace
"vifguard VERB --help" has more.`;

const STATUS_HELP = `State:
  guarded    filters and bridge hold the port to its policy
  down       the same, and the port is administratively down, as with mode=disabled
  drifted    something is not as it should be: "vifguard check" says what
  unguarded  a guest's port on a bridge that vifguard has no record of: set script=vif-guard

Drops are frames since the port's rules were written, by reason; "vifguard show VIF" explains each.
The exit code is 0 whatever the state: "vifguard check" is for judging.

Examples:
  vifguard status
  vifguard status --json | jq -r '.ports[] | select(.state != "guarded") | .port'

JSON:
  { "ports": [ { "port", "bridge", "kind": "vif"|"tap", "domain", "domid", "handle", "mac",
      "addresses": "any"|[ADDRESS], "mode", "state", "differences": [TEXT],
      "drops": { REASON: FRAMES } } ],
    "findings": [ { "subject", "problem", "remedy", "ports": [PORT], "details": [TEXT] } ] }
  What is not known is null. Keys may be added; none will change.`;

const SHOW_HELP = `Prints the policy and where each field of it applies; each bridge flag and forwarding entry as the
kernel has it beside what it should be; drops with their meaning; the port's rules with their
counters as they are in the kernel; and what differs.

VIF is a port, or a domain's name or domid, with /HANDLE when it has several vifs.

Examples:
  vifguard show vif1.0
  vifguard show web1
  vifguard show web1/1               its second vif
  vifguard show vif3.0-emu           the emulated port of an HVM guest

JSON:
  What "vifguard status --json" has of the port, and further
  { "policy": { "mode", "mac", "extraMacs", "ipv4", "ipv6", "linkLocal", "dhcp", "peers", "dom0",
      "roles", "virtualRouters": [ { "id", "addresses" } ] },
    "settings": [ { "name", "is", "should" } ], "fdb": [ { "address", "is", "should" } ],
    "rules": [LINE] }`;

const CHECK_HELP = `Compares with what should be: tables, our hooks and what stands in front of them, bridge flags,
forwarding entries, nf_call_ip6tables, the ports' bridges, uplinks; and looks for guests' ports that
are not guarded. Changes nothing. One line for each difference, with the remedy; exits with 1 then.

Examples:
  vifguard check                     prints "all well: 3 ports ...", or what differs
  vifguard check || vifguard host up
  vifguard check --json | jq -r '.findings[].problem'

JSON:
  { "ok": BOOLEAN, "checked": { "ports": COUNT, "bridges": COUNT }, "busy": TEXT|null,
    "findings": [ { "subject", "problem", "remedy", "ports": [PORT], "details": [TEXT] } ] }
  "busy" names a hotplug event that was under way, whose work may show as drift.`;

const LINT_HELP = `Prints FILE:LINE:COLUMN: severity: message; advice. An error keeps a guest from starting and makes
the exit code 1; a warning is something that is hardly meant.

Examples:
  vifguard lint /etc/xen/*.cfg
  vifguard lint /etc/xen/vif-guard.conf`;

const DOCTOR_HELP = `Each line is ok, warn or fail, with the remedy below; exits with 1 when something fails.

Examples:
  vifguard doctor
  vifguard doctor --json | jq '.[] | select(.severity == "fail")'`;

const HOST_HELP = `Examples:
  vifguard host up                   at boot, and after a firewall reload
  vifguard host down                 before removing the package`;

const HOST_UP_HELP = `Loads br_netfilter, installs the tables so that they stay when the last guest goes, and puts right
what differs for the guests that are there: tables, hooks, nf_call_ip6tables, bridge flags, forwarding
entries. What is right stays untouched, so that it can be run at any time. Says what it did, and on
stderr what it cannot put right. A port whose record is lost is closed.

Examples:
  vifguard host up                   at boot; without it the first guest sets the host up
  vifguard host up                   after "nft flush ruleset" or a reload of the firewall
  mv /run/vifguard/net-*/registry.json /root/ && vifguard host up
                                     when the registry cannot be read; restart the guests then`;

const HOST_DOWN_HELP = `Takes tables and hooks away and lets bridges call ip6tables as they did before. Refused while a
guarded port is there: it would be left open.

Example:
  vifguard host down`;
