import { EXIT_CODES } from './exit-code.ts';
import { run } from './program.ts';
import { openTerminal } from './terminal.ts';

/** The reader of our output may stop early, as `head` does; a disk may be full. */
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit();
  console.error(`vifguard: what there is to say cannot be written: ${message}`);
  process.exit(EXIT_CODES.findings[0]);
});
/** Nobody would read about it; the exit code still tells. */
process.stderr.on('error', () => {});

const terminals = { stdout: openTerminal(process.stdout), stderr: openTerminal(process.stderr) };
void run(process.argv.slice(2), terminals).then((code) => {
  process.exitCode = code;
});
