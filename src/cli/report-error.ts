import { ConfigError } from '../config/config-error.ts';
import { describeError, InputError, VifguardError } from '../errors.ts';
import { EXIT_CODES, type ExitCode } from './exit-code.ts';
import { printable, type Terminal } from './terminal.ts';

/** Says on stderr what went wrong, a defect with its stack, and gives the exit code. */
export function reportError(error: unknown, stderr: Terminal): ExitCode {
  const label = stderr.paint('red', 'vifguard:');
  if (error instanceof VifguardError) {
    stderr.print(`${label} ${printable(describeError(error))}`);
    const isInput = error instanceof InputError || error instanceof ConfigError;
    return (isInput ? EXIT_CODES.usage : EXIT_CODES.findings)[0];
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.print(`${label} this is a defect in vifguard; please report it with what follows\n${details}`);
  return EXIT_CODES.defect[0];
}
