import type { BackendName } from '../../src/backends/names.ts';

/** A program with one protection less. */
export interface Mutant {
  /** What is taken out. */
  readonly name: string;
  /** The source file, from the root of the checkout. */
  readonly file: string;
  /** The file's text without the protection. */
  readonly edit: (source: string) => string;
  /** The test files of which one has to fail, and the titles in them when not all. */
  readonly tests: readonly string[];
  readonly titles?: readonly string[];
  /** The backend that the tests run with: xtables when absent. */
  readonly backend?: BackendName;
}

/** A part of a protection without which no frame behaves otherwise, and why. */
export interface Unobservable {
  readonly name: string;
  readonly why: string;
}

/** Replaces what is there exactly once. @throws Error when it is not, as the mutant no longer applies. */
export function replacing(pattern: RegExp, replacement: string): (source: string) => string {
  return (source) => {
    const count = [...source.matchAll(new RegExp(pattern, `g${pattern.flags}`))].length;
    if (count !== 1) throw new Error(`${pattern} is there ${count} times, not once`);
    return source.replace(pattern, replacement);
  };
}
