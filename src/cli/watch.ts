import { watch as watchHost } from '../watch/watch.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import type { Terminals } from './program.ts';
import { reportError } from './report-error.ts';
import { printable } from './terminal.ts';

/** `vifguard watch`: until SIGTERM or SIGINT; a line for whatever it puts right. */
export async function watch({ stdout, stderr }: Terminals): Promise<ExitCode> {
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());
  // The thread that waits for the kernel would keep the process there, doing nothing, until the kernel has news.
  process.once('uncaughtException', (error) => {
    reportError(error, stderr);
    process.kill(process.pid, 'SIGKILL');
  });
  // A full disk is no reason to end. When the reader is gone (EPIPE), the watch ends in order.
  process.stdout.removeAllListeners('error').on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') ending.abort();
  });
  await watchHost({ log: (line) => stdout.print(printable(line)), signal: ending.signal });
  return exitCodeOf(true);
}
