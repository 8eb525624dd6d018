import type { Command } from 'commander';
import { helpText, nameSection, page, paragraph, section, subsection, term, title } from './roff.ts';

/** vifguard(8): all that the program says with --help. */
export function vifguardManual(program: Command): string {
  const source = `vifguard ${program.version() ?? ''}`;
  return page(
    title({ name: 'vifguard', section: 8, source }),
    nameSection('vifguard', 'guard the network ports of Xen guests'),
    section('Synopsis', ...verbsOf(program).map((verb) => paragraph(synopsisOf(verb)))),
    section('Description', paragraph(program.description())),
    section('Verbs', ...verbsOf(program).flatMap(verbManual)),
    ...helpText(extraHelp(program), section),
    section(
      'See also',
      paragraph('vif-guard(8), vif-guard.conf(5), xl(1), xl.cfg(5), ebtables(8), bridge(8)'),
    ),
  );
}

interface Verb {
  /** `vifguard host up`. */
  readonly path: string;
  readonly command: Command;
}

/** Every verb; of those with verbs of their own, these. */
function verbsOf(command: Command, path = command.name()): Verb[] {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((verb) => verbsOf(verb, `${path} ${verb.name()}`));
}

/** `vifguard show [--json] VIF`. */
function synopsisOf({ path, command }: Verb): string {
  const options = command.options.map(({ flags }) => `[${plain(flags)}]`);
  const args = command
    .createHelp()
    .commandUsage(command)
    .split(' ')
    .filter((word) => /^[<[][A-Z]/.test(word));
  return [path, ...options, ...args.map(plain)].join(' ');
}

/** Without the brackets of what is required. */
function plain(words: string): string {
  return words.replace(/[<>]/g, '');
}

function verbManual({ path, command }: Verb): string[] {
  const { registeredArguments, options } = command;
  return [
    subsection(path, paragraph(sentence(command.description()))),
    ...registeredArguments.map((argument) => term(argument.name(), sentence(argument.description))),
    ...options.map(({ flags, description }) => term(plain(flags), sentence(description))),
    ...helpText(extraHelp(command), (heading) => paragraph(`${heading}:`)),
  ];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What `addHelpText` put behind the help that commander makes. */
function extraHelp(command: Command): string {
  let text = '';
  const writeOut = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut }).outputHelp();
  return text.slice(command.helpInformation().length);
}
