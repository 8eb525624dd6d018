import { run } from './program.ts';
import { openTerminal } from './terminal.ts';

/** Whoever reads our output may stop early, as `head` does. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const terminals = { stdout: openTerminal(process.stdout), stderr: openTerminal(process.stderr) };
void run(process.argv.slice(2), terminals).then((code) => {
  process.exitCode = code;
});
