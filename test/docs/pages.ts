/** A command of a page, and the lines of output that the page shows below it. */
export interface PageCommand {
  readonly command: string;
  readonly shown: readonly string[];
}

interface Block {
  /** The word behind the fence, or `indented`. */
  readonly kind: string;
  readonly lines: readonly string[];
  /** Whether only blank lines stand between it and fenced commands above. */
  readonly follows: boolean;
}

/** The commands of a Markdown page, in its order: fenced `sh` blocks, and indented ones but for settings. */
export function commandsOf(page: string): PageCommand[] {
  const found: PageCommand[] = [];
  for (const { kind, lines, follows } of blocksOf(page)) {
    const last = found.at(-1);
    if (kind === 'text' && follows && last !== undefined) found.splice(-1, 1, { ...last, shown: lines });
    if (kind !== 'sh' && kind !== 'indented') continue;
    const commands = lines.map(withoutComment).filter((line) => line !== '' && !isSetting(line));
    found.push(...commands.map((command) => ({ command, shown: [] })));
  }
  return found;
}

function blocksOf(page: string): Block[] {
  const blocks: { kind: string; lines: string[]; follows: boolean }[] = [];
  let isFenced = false;
  let follows = false;
  for (const line of page.split('\n')) {
    const text = line.trim();
    const [, kind] = /^ *```(\w*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      isFenced = !isFenced;
      if (isFenced) blocks.push({ kind, lines: [], follows });
      follows = !isFenced && blocks.at(-1)?.kind === 'sh';
    } else if (isFenced) {
      blocks.at(-1)?.lines.push(text);
    } else if (text !== '') {
      if (line.startsWith('    ')) blocks.push({ kind: 'indented', lines: [text], follows: false });
      follows = false;
    }
  }
  return blocks;
}

function withoutComment(line: string): string {
  return line.replace(/(^| {2,})#.*$/, '').trim();
}

/** A line of a config: `vif = [ ... ]`. */
function isSetting(line: string): boolean {
  return /^[a-z_.]+ = /.test(line);
}

/** Lines as a page shows them, `...` for what differs from host to host, as a pattern of the output. */
export function patternOf(shown: readonly string[]): RegExp {
  const line = (text: string) =>
    text
      .split('...')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +'))
      .join('.*');
  return new RegExp(shown.map((text) => `^ *${line(text)}$`).join('[^]*'), 'm');
}
