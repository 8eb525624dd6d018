import type { Finding } from '../host/inspection.ts';
import { printable, type Terminal } from './terminal.ts';

/** `vif1.0: locked is off, should be on; run "vifguard host up"`, on one line. */
export function formatFinding({ subject, problem, remedy }: Finding, terminal: Terminal): string {
  return `${terminal.paint('red', printable(subject))}: ${printable(problem)}; ${printable(remedy)}`;
}

/** Warns that an unfinished event may show as drift. */
export function printBusy(busy: string | undefined, stderr: Terminal): void {
  if (busy === undefined) return;
  stderr.print(
    `${stderr.paint('yellow', 'vifguard:')} an event is under way and may show as drift: ${printable(busy)}`,
  );
}
