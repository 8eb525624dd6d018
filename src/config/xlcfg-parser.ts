import { quote } from '../address/quote.ts';
import { ConfigError, type Position } from './config-error.ts';
import { type Comment, type Token, type TokenKind, XlcfgLexer } from './xlcfg-lexer.ts';

/** A quoted string or a bare number: libxlu makes no difference between them. */
export interface XlString {
  readonly kind: 'string';
  readonly text: string;
  readonly at: Position;
  /** Where the first character of `text` stands, when each of them stands in the file as it is. */
  readonly textAt?: Position;
}

export interface XlList {
  readonly kind: 'list';
  readonly items: readonly XlValue[];
  readonly at: Position;
}

export type XlValue = XlString | XlList;

export interface XlSetting {
  readonly name: string;
  readonly value: XlValue;
  readonly at: Position;
}

/** An assignment that has no effect, as a later one has the same name. */
export interface XlReplaced {
  readonly name: string;
  readonly at: Position;
  /** Where the later one stands. */
  readonly by: Position;
}

export interface XlConfig {
  readonly file: string;
  /** By name; of several assignments the last one counts, as for xl. */
  readonly settings: ReadonlyMap<string, XlSetting>;
  readonly replaced: readonly XlReplaced[];
  readonly comments: readonly Comment[];
}

/** While it is read; `+=` appends to the list of an earlier setting. */
interface GrowingList extends XlList {
  readonly items: GrowingValue[];
}

type GrowingValue = XlString | GrowingList;

/**
 * Parses the text of a domain config, xl.conf or vif-guard.conf by the grammar of Xen's
 * tools/libs/util/libxlu_cfg_y.y; all that xl accepts is accepted. Time is linear, and nesting
 * takes no stack. A character stands for a byte if the text was decoded as latin1.
 *
 * @param file the name errors give the text.
 * @throws ConfigError at the first thing that is wrong.
 */
export function parseXlcfg(file: string, text: string): XlConfig {
  return new Parser(file, text).parse();
}

/** Where character `offset` of a string stands in its file, or the string itself when escapes blur that. */
export function positionIn(value: XlString, offset: number): Position {
  if (value.textAt === undefined) return value.at;
  return { line: value.textAt.line, column: value.textAt.column + offset };
}

class Parser {
  readonly #file: string;
  readonly #lexer: XlcfgLexer;
  readonly #settings = new Map<string, { name: string; value: GrowingValue; at: Position }>();
  readonly #replaced: XlReplaced[] = [];
  #token: Token;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#lexer = new XlcfgLexer(file, text);
    this.#token = this.#lexer.next();
  }

  parse(): XlConfig {
    while (this.#token.kind !== 'end') {
      if (!this.#accept('newline') && !this.#accept(';')) this.#assignment();
    }
    const { comments } = this.#lexer;
    return { file: this.#file, settings: this.#settings, replaced: this.#replaced, comments };
  }

  #assignment(): void {
    const name = this.#expect('identifier', 'each line is NAME = VALUE');
    const appends = this.#accept('+=');
    if (!appends) this.#expect('=', `write ${name.source} = VALUE`);
    const value = this.#value();
    const previous = this.#settings.get(name.source);
    const whole = previous && appends ? this.#append(previous.value, value, name) : value;
    if (previous && !appends) this.#replaced.push({ name: name.source, at: previous.at, by: name.at });
    this.#settings.set(name.source, { name: name.source, value: whole, at: name.at });
    const { kind } = this.#token;
    if (kind !== 'newline' && kind !== ';' && kind !== 'end') {
      this.#fail('one setting ends with its line, or with ";"');
    }
  }

  #append(previous: GrowingValue, value: GrowingValue, name: Token): GrowingValue {
    if (previous.kind === 'string' && value.kind === 'string') {
      return { kind: 'string', text: previous.text + value.text, at: value.at };
    }
    if (previous.kind === 'list' && value.kind === 'list') {
      for (const item of value.items) previous.items.push(item);
      return previous;
    }
    const problem = `${name.source} is a ${previous.kind} and += adds a ${value.kind}`;
    throw new ConfigError({ file: this.#file, at: name.at, problem, advice: `add a ${previous.kind}` });
  }

  #value(): GrowingValue {
    const open: GrowingList[] = [];
    for (;;) {
      const list = this.#openList();
      if (list !== undefined && this.#token.kind !== ']') {
        open.push(list);
        continue;
      }
      if (list !== undefined) this.#advance();
      const whole = this.#closeLists(open, list ?? this.#atom());
      if (whole !== undefined) return whole;
    }
  }

  #openList(): GrowingList | undefined {
    const { at } = this.#token;
    if (!this.#accept('[')) return undefined;
    this.#skipNewlines();
    return { kind: 'list', items: [], at };
  }

  /** Puts a finished value in its list, and closes the lists that end here; undefined: more is to come. */
  #closeLists(open: GrowingList[], finished: GrowingValue): GrowingValue | undefined {
    let value = finished;
    for (let list = open.pop(); list !== undefined; list = open.pop()) {
      list.items.push(value);
      this.#skipNewlines();
      const comma = this.#accept(',');
      if (comma) this.#skipNewlines();
      if (comma && this.#token.kind !== ']') {
        open.push(list);
        return undefined;
      }
      this.#expect(']', `separate items by "," and close the list of line ${list.at.line} with "]"`);
      value = list;
    }
    return value;
  }

  #atom(): XlString {
    const { kind, source, value, at } = this.#token;
    if (kind === 'identifier') this.#fail(`put text in quotes: "${source}"`);
    if (kind !== 'string' && kind !== 'number') this.#fail('a value is "text", a number or a [ list ]');
    this.#advance();
    const quotes = kind === 'string' ? 2 : 0;
    const verbatim = source.length === value.length + quotes;
    const textAt = { line: at.line, column: at.column + quotes / 2 };
    return { kind: 'string', text: value, at, ...(verbatim && { textAt }) };
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  #accept(kind: TokenKind): boolean {
    const found = this.#token.kind === kind;
    if (found) this.#advance();
    return found;
  }

  #expect(kind: TokenKind, advice: string): Token {
    const token = this.#token;
    if (!this.#accept(kind)) this.#fail(advice);
    return token;
  }

  #skipNewlines(): void {
    while (this.#accept('newline'));
  }

  #fail(advice: string): never {
    const { kind, source, at } = this.#token;
    const found =
      kind === 'end' ? 'the end of the file' : kind === 'newline' ? 'the end of the line' : quote(source);
    throw new ConfigError({ file: this.#file, at, problem: `${found} cannot stand here`, advice });
  }
}
