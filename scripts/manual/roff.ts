/** What roff would take for its own, in text (groff_char(7)). */
const CHARACTERS: ReadonlyMap<string, string> = new Map([
  ['\\', '\\e'],
  ['-', '\\-'],
  ["'", '\\(aq'],
  ['`', '\\(ga'],
  ['^', '\\(ha'],
  ['~', '\\(ti'],
  ['"', '\\(dq'],
  ['’', '\\(cq'],
  ['·', '\\(pc'],
]);

/** A line of text, or an argument of a macro. */
function literal(text: string): string {
  const safe = Array.from(text, (character) => CHARACTERS.get(character) ?? character).join('');
  return safe.replace(/^\./, '\\&.');
}

/** A macro of man(7) with its arguments. */
function macro(name: string, ...args: readonly string[]): string {
  return [`.${name}`, ...args.map((arg) => `"${literal(arg)}"`)].join(' ');
}

/** The head of a page, whose words are not hyphenated: names would be. ASCII has no middle dot. */
export function title({ name, section, source }: { name: string; section: number; source: string }): string {
  return [macro('TH', name.toUpperCase(), String(section), '', source, 'Xen'), '.nh', '.fchar \\(pc *'].join(
    '\n',
  );
}

/** The section that whatis(1) reads. */
export function nameSection(name: string, purpose: string): string {
  return section('Name', `${literal(name)} \\- ${literal(purpose)}`);
}

export function section(heading: string, ...blocks: readonly string[]): string {
  return [macro('SH', heading.toUpperCase()), ...blocks].join('\n');
}

export function subsection(heading: string, ...blocks: readonly string[]): string {
  return [macro('SS', heading), ...blocks].join('\n');
}

/** The text of a page. A heading is a break already. */
export function page(...blocks: readonly string[]): string {
  return `${blocks.join('\n').replace(/^(\.S[HS] .*\n)\.PP\n/gm, '$1')}\n`;
}

export function paragraph(text: string): string {
  return `.PP\n${fill(text)}`;
}

/** A term, and what it means. */
export function term(name: string, meaning: string): string {
  return `.TP\n.B ${literal(name)}\n${fill(meaning)}`;
}

/** Lines that stay as they are. */
export function verbatim(lines: readonly string[]): string {
  return ['.PP', '.RS 4', '.nf', ...lines.map((line) => literal(line) || '\\&'), '.fi', '.RE'].join('\n');
}

/** A sentence a line, so that they are spaced as such. */
function fill(text: string): string {
  return text
    .split(/\s*\n\s*/)
    .map(literal)
    .join('\n');
}

/** `Examples:`, `Exit codes:`. */
const HEADING = /^([A-Z][\w ]{1,18}):$/;

/**
 * The text of a `--help`: lines from the margin are paragraphs, indented ones stay as they are, and a
 * line such as `Examples:` is a heading.
 */
export function helpText(text: string, heading: (name: string) => string): string[] {
  return blocksOf(text).map((lines) => {
    const [first = ''] = lines;
    if (first.startsWith(' ')) return verbatim(lines.map((line) => line.replace(/^ {2}/, '')));
    const [, name] = HEADING.exec(lines.join('\n')) ?? [];
    return name === undefined ? paragraph(lines.join('\n')) : heading(name);
  });
}

/** Lines that belong together: no blank one between them, all from the margin or all indented. */
function blocksOf(text: string): string[][] {
  const blocks: string[][] = [];
  let previous = '';
  for (const line of text.split('\n')) {
    const isNew = previous === '' || previous.startsWith(' ') !== line.startsWith(' ');
    if (line !== '' && isNew) blocks.push([line]);
    else if (line !== '') blocks.at(-1)?.push(line);
    previous = line;
  }
  return blocks;
}
