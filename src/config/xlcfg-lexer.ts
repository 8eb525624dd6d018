import { quote } from '../address/quote.ts';
import { ConfigError, type Position } from './config-error.ts';

export type TokenKind =
  | 'identifier'
  | 'number'
  | 'string'
  | ','
  | '['
  | ']'
  | '='
  | '+='
  | ';'
  | 'newline'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The token as it stands in the file. */
  readonly source: string;
  /** What it means: a string without quotes and escapes, else the same as `source`. */
  readonly value: string;
  readonly at: Position;
}

export interface Comment {
  /** Everything between `#` and the end of the line. */
  readonly text: string;
  readonly at: Position;
  /** Whether nothing but blanks stands before it on its line. */
  readonly ownLine: boolean;
}

const WORD = /[a-z][._0-9a-z]*|[0-9][0-9a-fx]*/y;
const BLANKS = /[ \t]+/y;
const PUNCTUATION = /[,[\]=;]/y;
const APPEND = /\+=/y;
const COMMENT = /#[^\n]*/y;
const OFFENDING = /[^ \t\n]*/y;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/**
 * The tokens of an xl.cfg or xl.conf text, by the rules of Xen's tools/libs/util/libxlu_cfg_l.l.
 * One difference: a comment on the last line needs no newline after it, as xl itself appends one
 * when settings are given on its command line.
 */
export class XlcfgLexer {
  readonly comments: Comment[] = [];
  readonly #file: string;
  readonly #text: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  /** @throws ConfigError where no token can be read. */
  next(): Token {
    this.#take(BLANKS);
    if (this.#text[this.#offset] === '#') this.#comment();
    const at = this.#position();
    const char = this.#text[this.#offset];
    if (char === undefined) return this.#end(at);
    if (char === '\n') return this.#newline(at);
    if (this.#take(PUNCTUATION) !== undefined) return this.#token(char as TokenKind, char, at);
    const word = this.#take(WORD);
    if (word !== undefined) return this.#token(/^[0-9]/.test(word) ? 'number' : 'identifier', word, at);
    if (this.#take(APPEND) !== undefined) return this.#token('+=', '+=', at);
    // libxlu's lexer forgets an offending character that nothing follows.
    if (this.#offset + 1 === this.#text.length) return this.#end(at);
    return char === "'" || char === '"' ? this.#string(char, at) : this.#fail(at);
  }

  #position(offset = this.#offset): Position {
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const source = pattern.exec(this.#text)?.[0];
    this.#offset += source?.length ?? 0;
    return source;
  }

  #comment(): void {
    const at = this.#position();
    const ownLine = /^[ \t]*$/.test(this.#text.slice(this.#lineStart, this.#offset));
    this.comments.push({ text: (this.#take(COMMENT) ?? '').slice(1), at, ownLine });
  }

  #end(at: Position): Token {
    this.#offset = this.#text.length;
    return { kind: 'end', source: '', value: '', at };
  }

  #newline(at: Position): Token {
    this.#offset += 1;
    this.#line += 1;
    this.#lineStart = this.#offset;
    return { kind: 'newline', source: '\n', value: '\n', at };
  }

  #token(kind: TokenKind, source: string, at: Position): Token {
    return { kind, source, value: source, at };
  }

  #string(delimiter: string, at: Position): Token {
    const start = this.#offset;
    let end = start + 1;
    while (this.#text[end] !== delimiter) {
      if (this.#text[end] === '\\') end += 1;
      if (this.#text[end] === undefined || this.#text[end] === '\n') this.#fail(at);
      end += 1;
    }
    const value = this.#unescape(start + 1, end);
    this.#offset = end + 1;
    return { kind: 'string', source: this.#text.slice(start, end + 1), value, at };
  }

  #unescape(start: number, end: number): string {
    const content = this.#text.slice(start, end);
    const nul = content.indexOf('\0');
    if (nul >= 0) this.#failString(start + nul, '\0', 'take the NUL out');
    let value = '';
    let read = 0;
    for (let at = content.indexOf('\\'); at >= 0; at = content.indexOf('\\', read)) {
      const escaped = this.#escape(content.slice(at, at + 5), start + at);
      value += content.slice(read, at) + escaped.value;
      read = at + escaped.length;
    }
    return value + content.slice(read);
  }

  #escape(source: string, offset: number): { value: string; length: number } {
    const letter = source.charAt(1);
    if (/[0-7]/.test(letter)) return { value: '', length: this.#numericEscape(source, offset) };
    const value = ESCAPES[letter];
    if (value !== undefined) return { value, length: 2 };
    const advice = 'a backslash is followed by one of \\ \' " a b f n r t v';
    return this.#failString(offset, source.slice(0, 2), advice);
  }

  /**
   * libxlu's xlu__cfgl_dequote reads a decimal number of two or three characters after the first
   * digit of `\NNN`, and then drops it all. Whoever asks what xl made of a file needs the same answer.
   */
  #numericEscape(source: string, offset: number): number {
    const number = /^[ \t\v\f\r]*[+-]?[0-9]+/.exec(source.slice(2))?.[0] ?? '';
    if (number.length < 2) this.#failString(offset, source, 'write the character itself');
    return 2 + number.length;
  }

  #failString(offset: number, source: string, advice: string): never {
    const problem = `${quote(source)} cannot stand in a quoted string`;
    throw new ConfigError({ file: this.#file, at: this.#position(offset), problem, advice });
  }

  #fail(at: Position): never {
    const source = this.#take(OFFENDING) ?? '';
    const problem = `${quote(source)} is not understood`;
    throw new ConfigError({ file: this.#file, at, problem, advice: adviceFor(source) });
  }
}

function adviceFor(source: string): string {
  if (/^['"]/.test(source)) return 'close the quote on the line it was opened on';
  if (source.startsWith('\r')) return 'end lines with a newline alone, as dos2unix does';
  if (/^[A-Z]/.test(source)) return 'names of settings are lower case, and text stands in quotes';
  if (/^[-+.():]/.test(source)) return 'this is no Python: numbers have no sign, and text stands in quotes';
  return 'put text in quotes, and comments after #';
}
