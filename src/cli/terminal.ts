/** SGR parameters (ECMA-48 section 8.3.117). */
const SGR = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

export type Style = keyof typeof SGR;

/** Where a verb writes to. */
export interface Terminal {
  /** Writes the text and a line feed. */
  print(text: string): void;
  /** The text in a style, or as it is where there is no colour. */
  paint(style: Style, text: string): string;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A stream as terminal: in colour only if it is one, and not with NO_COLOR (no-color.org) or TERM=dumb. */
export function openTerminal(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const coloured = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    print: (text) => void stream.write(`${text}\n`),
    paint: (style, text) => (coloured ? `\x1b[${SGR[style]}m${text}\x1b[0m` : text),
  };
}

/** Foreign text, such as a domain's name, without anything that could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

/** `1 port`, `2 ports`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
