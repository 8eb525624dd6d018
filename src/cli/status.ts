import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { inspect, type PortReport, type PortState } from './inspection.ts';
import { readHostState } from './host-state.ts';
import { renderTable } from './table.ts';
import { printable, type Style, type Terminal } from './terminal.ts';

const COLOURS: Readonly<Record<PortState, Style>> = {
  guarded: 'green',
  down: 'yellow',
  DRIFT: 'red',
  missing: 'red',
  UNGUARDED: 'red',
};

const HEAD = ['BRIDGE', 'PORT', 'GUEST', 'MAC', 'ADDRESSES', 'MODE', 'STATE', 'DROPS'];

/** `vifguard status [--json]`: a row for each guest port. */
export async function status({ json }: { json: boolean }, stdout: Terminal): Promise<ExitCode> {
  const { ports, host } = inspect(await readHostState());
  if (json) {
    stdout.print(JSON.stringify({ ports, host }, undefined, 2));
  } else if (ports.length === 0) {
    stdout.print('no port is guarded');
  } else {
    const head = HEAD.map((title) => stdout.paint('bold', title));
    stdout.print(renderTable(head, ports.map((port) => statusRow(port, stdout))));
  }
  if (!json && host.length > 0) stdout.print(`${host.length} differences on the host: see "vifguard check"`);
  return exitCodeOf(true);
}

/** The cells of a row; lists have one item on a line. */
export function statusRow(report: PortReport, terminal: Terminal): string[] {
  const { bridge, port, mac, addresses, mode, state, drops } = report;
  const counts = Object.entries(drops).sort(([, a], [, b]) => b - a);
  return [
    bridge ?? '-',
    port,
    guestOf(report),
    mac ?? '-',
    addresses === 'any' ? 'any' : (addresses ?? ['-']).join('\n') || 'none',
    mode ?? '-',
    terminal.paint(COLOURS[state], state),
    counts.map(([reason, count]) => `${count} ${reason}`).join('\n') || '-',
  ];
}

function guestOf({ domain, domid }: PortReport): string {
  if (domid === null) return '-';
  return domain === null ? `domain ${domid}` : `${printable(domain)} (${domid})`;
}
