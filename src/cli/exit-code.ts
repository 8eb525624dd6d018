/** What the exit codes of every verb mean; `--help` prints this. */
export const EXIT_CODES = {
  ok: [0, 'all is well'],
  findings: [1, 'something is not as it should be, or could not be done or read'],
  usage: [2, 'wrong usage, or input that cannot be used'],
  defect: [3, 'a defect in vifguard itself'],
} as const satisfies Record<string, readonly [code: number, meaning: string]>;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES][0];

/** 0 when all is well, else 1. */
export function exitCodeOf(isWell: boolean): ExitCode {
  return isWell ? EXIT_CODES.ok[0] : EXIT_CODES.findings[0];
}
