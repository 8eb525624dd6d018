import { readSettledState } from '../host/host-state.ts';
import { inspect } from '../host/inspection.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { formatFinding, printBusy } from './finding.ts';
import type { Terminals } from './program.ts';
import { plural } from './terminal.ts';

/** `vifguard check [--json]`: prints what differs from what should be, or what was found to be right. */
export async function check({ json }: { json: boolean }, { stdout, stderr }: Terminals): Promise<ExitCode> {
  const { state, busy } = await readSettledState();
  const { ports, findings } = inspect(state);
  const guarded = ports.filter((port) => port.state !== 'unguarded');
  const checked = { ports: guarded.length, bridges: Object.keys(state.registry.bridges).length };
  if (json) {
    const ok = findings.length === 0;
    stdout.print(JSON.stringify({ ok, checked, busy: busy ?? null, findings }, undefined, 2));
  } else {
    printBusy(busy, stderr);
    for (const finding of findings) stdout.print(formatFinding(finding, stdout));
    if (findings.length === 0) stdout.print(checkedText(checked, state.registry.pinned));
  }
  return exitCodeOf(findings.length === 0);
}

interface Checked {
  readonly ports: number;
  readonly bridges: number;
}

function checkedText({ ports, bridges }: Checked, pinned: boolean): string {
  if (ports === 0) {
    return pinned
      ? 'all well: no port is guarded, none should be, and the tables stand ready for the first'
      : 'all well: no port is guarded, none should be, and no rule of vifguard is left';
  }
  const what =
    'tables, hooks, bridge flags, forwarding entries, nf_call_ip6tables and uplinks are as they should be';
  return `all well: ${plural(ports, 'port')} on ${plural(bridges, 'bridge')} guarded; ${what}; no guest port is unguarded`;
}
