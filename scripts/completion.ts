import type { Command, Option } from 'commander';

/** What the program's arguments stand for; `...` may follow. */
const ARGUMENTS = ['VIF', 'FILE'] as const;

/** What may follow on a command line once these verbs stand there. */
interface Place {
  /** A pattern, the same in both shells, of the words so far between blanks. */
  readonly pattern: string;
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly options: readonly { readonly word: string; readonly summary: string }[];
  readonly argument: (typeof ARGUMENTS)[number] | undefined;
}

function placesOf(command: Command, verbs: readonly string[] = []): Place[] {
  const argument = command.registeredArguments[0]?.name();
  const place: Place = {
    pattern: patternOf(command, verbs.join(' ')),
    words: command.commands.map((verb) => ({ word: verb.name(), summary: verb.description() })),
    options: command.createHelp().visibleOptions(command).map(optionWord),
    argument: ARGUMENTS.find((known) => argument?.startsWith(known)),
  };
  return [place, ...command.commands.flatMap((verb) => placesOf(verb, [...verbs, verb.name()]))];
}

/** What follows a verb without verbs of its own are arguments, whatever they are. */
function patternOf({ commands }: Command, verbs: string): string {
  return commands.length > 0 ? `'${verbs}'` : `'${verbs}' | '${verbs} '*`;
}

/** The options whose value is a file, as a pattern of both shells. */
function fileOptions(command: Command): string[] {
  const own = command.options.filter(({ flags }) => flags.endsWith('<FILE>')).map(({ long }) => long ?? '');
  return [...new Set([...own, ...command.commands.flatMap(fileOptions)])];
}

function optionWord({ long, description }: Option) {
  return { word: long ?? '', summary: description };
}

/** For bash; ports are the bridge ports of this host, as far as their names are plain. */
export function bashCompletion(program: Command): string {
  const cases = placesOf(program).map(({ pattern, words, options, argument }) => {
    const fixed = [...words, ...options].map(({ word }) => word).join(' ');
    const ports = argument === 'VIF' ? ' $(_vifguard_ports)' : '';
    const files = argument === 'FILE' ? ' files=1' : '';
    return `    ${pattern}) words="${fixed}${ports}"${files} ;;`;
  });
  return `# bash completion of vifguard(8), made from the program itself

_vifguard_ports() {
  local port name
  for port in /sys/class/net/*/brport; do
    name=\${port%/brport}
    name=\${name##*/}
    [[ $name =~ ^[A-Za-z0-9_.-]+$ ]] && echo "$name"
  done
}

_vifguard() {
  local word=\${COMP_WORDS[COMP_CWORD]} verbs='' words='' files='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] || verbs+=" \${COMP_WORDS[i]}"
  done
  case "\${verbs# }" in
${cases.join('\n')}
  esac
  case \${COMP_WORDS[COMP_CWORD-1]} in
    ${fileOptions(program).join(' | ')}) words='' files=1 ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  if [[ $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -F _vifguard vifguard
`;
}

/** For zsh, with what each word means. */
export function zshCompletion(program: Command): string {
  const cases = placesOf(program).map(({ pattern, words, options, argument }) => {
    const lines = [
      ...describe('verb', words),
      ...(argument === 'VIF' ? ['_vifguard_ports'] : []),
      ...(argument === 'FILE' ? ['_files'] : []),
      ...describe('option', options),
    ];
    return `    ${pattern})\n${lines.map((line) => `      ${line}\n`).join('')}      ;;`;
  });
  return `#compdef vifguard
# zsh completion of vifguard(8), made from the program itself

_vifguard_ports() {
  local -a ports
  ports=(/sys/class/net/*/brport(N:h:t))
  compadd -a ports
}

_vifguard() {
  local -a verbs matches
  verbs=(\${words[2,CURRENT-1]:#-*})
  case \${words[CURRENT-1]} in
    ${fileOptions(program).join(' | ')}) _files; return ;;
  esac
  case "$verbs" in
${cases.join('\n')}
  esac
}

_vifguard "$@"
`;
}

function describe(tag: string, words: Place['words']): string[] {
  if (words.length === 0) return [];
  const items = words.map(({ word, summary }) => `${word}:${summary}`.replaceAll("'", "'\\''"));
  return [`matches=(${items.map((item) => `'${item}'`).join(' ')})`, `_describe -t ${tag}s ${tag} matches`];
}
