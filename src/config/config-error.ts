import { InputError, VifguardError } from '../errors.ts';

/** A place in a text: both count from 1, columns in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem {
  readonly file: string;
  /** Absent when the file as a whole is the problem. */
  readonly at?: Position;
  readonly problem: string;
  readonly advice?: string;
}

/** A configuration file that cannot be used: `FILE:LINE:COLUMN: problem; advice`. */
export class ConfigError extends VifguardError {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly at: Position | undefined;
  readonly problem: string;
  readonly advice: string | undefined;

  constructor({ file, at, problem, advice }: ConfigProblem, options?: ErrorOptions) {
    const place = at === undefined ? file : `${file}:${at.line}:${at.column}`;
    super(`${place}: ${problem}${advice === undefined ? '' : `; ${advice}`}`, options);
    this.file = file;
    this.at = at;
    this.problem = problem;
    this.advice = advice;
  }
}

/**
 * Runs a reader of one value, and adds the place the value stands at to what it finds wrong.
 *
 * @throws ConfigError in place of the reader's InputError.
 */
export function readAt<Value>(file: string, at: Position, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new ConfigError({ file, at, problem: error.message }, { cause: error });
  }
}
