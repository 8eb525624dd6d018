import { setUpHost } from '../host/set-up.ts';
import { tearDownHost } from '../host/tear-down.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { formatFinding } from './finding.ts';
import type { Terminals } from './program.ts';
import { printable } from './terminal.ts';

/** `vifguard host up`: says what it did, and on stderr what it cannot put right. */
export async function hostUp({ stdout, stderr }: Terminals): Promise<ExitCode> {
  const { done, inspection } = await setUpHost();
  for (const line of done) stdout.print(printable(line));
  if (done.length === 0) stdout.print('nothing to do: the host was set up');
  for (const finding of inspection.findings) stderr.print(formatFinding(finding, stderr));
  return exitCodeOf(true);
}

/** `vifguard host down`: refused while it would leave a guest's port open. */
export async function hostDown({ stdout }: Terminals): Promise<ExitCode> {
  const removed = await tearDownHost();
  stdout.print(
    removed ? 'everything of vifguard is out of the kernel' : 'nothing to do: the host was not set up',
  );
  return exitCodeOf(true);
}
