import { readSettledState } from '../host/host-state.ts';
import { inspect, type PortReport, type PortState } from '../host/inspection.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { formatFinding, printBusy } from './finding.ts';
import type { Terminals } from './program.ts';
import { renderTable } from './table.ts';
import { printable, type Style, type Terminal } from './terminal.ts';

const COLOURS: Readonly<Record<PortState, Style>> = {
  guarded: 'green',
  down: 'yellow',
  drifted: 'red',
  unguarded: 'red',
};

const HEAD = ['BRIDGE', 'PORT', 'GUEST', 'MAC', 'ADDRESSES', 'MODE', 'STATE', 'DROPS'];

/** `vifguard status [--json]`: a row for each guest port; whether all is well is for `check` to say. */
export async function status({ json }: { json: boolean }, { stdout, stderr }: Terminals): Promise<ExitCode> {
  const { state, busy } = await readSettledState();
  const { ports, findings } = inspect(state);
  if (json) {
    stdout.print(JSON.stringify({ ports, findings, busy: busy ?? null }, undefined, 2));
    return exitCodeOf(true);
  }
  stdout.print(ports.length === 0 ? 'no guest port is on a bridge' : statusTable(ports, stdout));
  printBusy(busy, stderr);
  const open = new Set(ports.flatMap(({ port, state }) => (state === 'unguarded' ? [port] : [])));
  for (const finding of findings) {
    if (open.has(finding.subject)) stdout.print(formatFinding(finding, stdout));
  }
  const others = findings.filter(({ subject }) => !open.has(subject));
  if (others.length > 0)
    stdout.print(`${others.length} more not as it should be: "vifguard check" says what`);
  return exitCodeOf(true);
}

function statusTable(ports: readonly PortReport[], terminal: Terminal): string {
  const head = HEAD.map((title) => terminal.paint('bold', title));
  return renderTable(
    head,
    ports.map((report) => statusRow(report, terminal)),
  );
}

/** The cells of a row; lists have one item on a line. */
function statusRow(report: PortReport, terminal: Terminal): string[] {
  const { bridge, port, mac, addresses, mode, vlan, state, drops } = report;
  const counts = Object.entries(drops).sort(([, a], [, b]) => b - a);
  return [
    vlan === null ? printable(bridge) : `${printable(bridge)} vlan ${vlan}`,
    printable(port),
    guestLabel(report),
    mac ?? '-',
    addresses === 'any' ? 'any' : (addresses ?? ['-']).join('\n') || 'none',
    mode ?? '-',
    terminal.paint(COLOURS[state], state),
    counts.map(([reason, count]) => `${count} ${reason}`).join('\n') || '-',
  ];
}

/** `web1 (1)`: the name and the domid, as far as they are known. */
export function guestLabel({ domain, domid }: Pick<PortReport, 'domain' | 'domid'>): string {
  if (domid === null) return '-';
  return domain === null ? `domain ${domid}` : `${printable(domain)} (${domid})`;
}
