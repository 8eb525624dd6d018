import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { readHostState } from './host-state.ts';
import { type Inspection, inspect } from './inspection.ts';
import { printable, type Terminal } from './terminal.ts';

/** `vifguard check`: prints what differs from what should be, or how many ports are guarded. */
export async function check(stdout: Terminal): Promise<ExitCode> {
  const inspection = inspect(await readHostState());
  const lines = differences(inspection);
  for (const line of lines) stdout.print(printable(line));
  if (lines.length === 0) stdout.print(guardedText(inspection.ports.length));
  return exitCodeOf(lines.length === 0);
}

/** Everything that differs, each line with the port, bridge or table it is about. */
export function differences({ ports, host }: Inspection): string[] {
  return [...ports.flatMap(({ port, differences }) => differences.map((text) => `${port}: ${text}`)), ...host];
}

function guardedText(count: number): string {
  return `${count} ${count === 1 ? 'port' : 'ports'} guarded`;
}
