import { loadBackend } from '../backends/load.ts';
import { readSettledState } from '../host/host-state.ts';
import {
  compareFdb,
  compareVlan,
  type FdbComparison,
  formatSetting,
  type HostState,
  type PortReport,
} from '../host/inspection.ts';
import type { BridgePortSettings } from '../netlink/bridge-port.ts';
import { type PolicyJson, policyToJson } from '../policy/serialize.ts';
import { layerOf } from '../port/bridge-layer.ts';
import { deviceAmong } from '../port/device.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { type PortRecord, policyOf } from '../port/registry.ts';
import { REASONS, type Reason } from '../rules/reason.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { findGuardedPort } from './find-port.ts';
import { printBusy } from './finding.ts';
import { policyLines } from './policy-text.ts';
import type { Terminals } from './program.ts';
import { guestLabel } from './status.ts';
import { renderTable } from './table.ts';
import { printable, type Terminal } from './terminal.ts';

/** A setting of the bridge port, in bridge(8)'s words. */
interface Comparison {
  readonly name: string;
  readonly is: string;
  readonly should: string;
}

/** What `vifguard show --json` prints. Keys may be added, never renamed or removed. */
export interface PortDetails extends PortReport {
  readonly policy: PolicyJson;
  readonly settings: readonly Comparison[];
  readonly fdb: readonly FdbComparison[];
  /** As the tools list them. */
  readonly rules: readonly string[];
}

/** `vifguard show VIF [--json]`: everything about one port, as it is and as it should be. */
export async function show(
  text: string,
  { json }: { json: boolean },
  { stdout, stderr }: Terminals,
): Promise<ExitCode> {
  const { state, busy } = await readSettledState();
  const { report, record } = findGuardedPort(text, state);
  const backend = await loadBackend(state.registry.backend);
  const rules = await backend.list(report.port, guardedHost(state.registry, state.untrustedPorts));
  const details = detailsOf(state, report, record, rules);
  if (json) stdout.print(JSON.stringify(details, undefined, 2));
  else printDetails(details, record, stdout);
  printBusy(busy, stderr);
  return exitCodeOf(true);
}

function detailsOf(state: HostState, report: PortReport, record: PortRecord, rules: string): PortDetails {
  const layer = layerOf(state.registry, record);
  const link = deviceAmong(state.links, report.port, record);
  const bridge = state.links.find(({ name }) => name === report.bridge);
  const attached = link && bridge && { ...state, link, bridge };
  const vlan = attached && compareVlan(attached, layer);
  const names = Object.keys(layer.settings) as (keyof BridgePortSettings)[];
  return {
    ...report,
    policy: policyToJson(policyOf(record)),
    settings: [
      ...names.map((name) => ({
        name,
        is: formatSetting(link?.port?.[name]),
        should: formatSetting(layer.settings[name]),
      })),
      ...(vlan === undefined ? [] : [{ name: 'vlan', ...vlan }]),
    ],
    fdb: attached === undefined ? [] : compareFdb(attached, layer),
    rules: rules.split('\n').filter((line) => line !== ''),
  };
}

function printDetails(details: PortDetails, record: PortRecord, terminal: Terminal): void {
  const sections = [
    printable(`${details.port} of ${guestLabel(details)} on ${details.bridge}: ${details.state}`),
    section('Policy', policyTable(record), terminal),
    section('Bridge port (bridge -d link)', comparisonTable('SETTING', details.settings, terminal), terminal),
    section('Forwarding entries (bridge fdb)', fdbTable(details.fdb, terminal), terminal),
    section('Drops', dropsTable(details), terminal),
    section('Rules in the kernel', details.rules.map(printable).join('\n') || 'none', terminal),
    section('Differences', differencesText(details, terminal), terminal),
  ];
  terminal.print(sections.join('\n\n'));
}

function section(title: string, body: string, terminal: Terminal): string {
  return `${terminal.paint('bold', title)}\n${body.replace(/^/gm, '  ')}`;
}

function policyTable(record: PortRecord): string {
  const rows = policyLines(policyOf(record)).map(({ field, value, applies }) => [field, value, applies]);
  return renderTable(['FIELD', 'VALUE', 'APPLIES TO'], rows);
}

function comparisonTable(title: string, lines: readonly Comparison[], terminal: Terminal): string {
  const rows = lines.map(({ name, is, should }) => [
    name,
    is,
    should,
    is === should ? '' : terminal.paint('red', '<- differs'),
  ]);
  return renderTable([title, 'IS', 'SHOULD BE', ''], rows);
}

function fdbTable(fdb: readonly FdbComparison[], terminal: Terminal): string {
  const lines = fdb.map(({ address, vlan, is, should }) => ({
    name: vlan === null ? address : `${address} vlan ${vlan}`,
    is: is ?? 'none',
    should: should ?? 'none',
  }));
  return lines.length === 0 ? 'none, and none should be' : comparisonTable('ADDRESS', lines, terminal);
}

function dropsTable({ drops }: PortDetails): string {
  const counts = Object.entries(drops) as [Reason, number][];
  if (counts.length === 0) return 'none';
  const rows = counts
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => [String(count), reason, REASONS[reason]]);
  return renderTable(['FRAMES', 'REASON', 'MEANING'], rows);
}

function differencesText({ differences }: PortDetails, terminal: Terminal): string {
  if (differences.length === 0) return 'none';
  const lines = differences.map((text) => terminal.paint('red', printable(text)));
  return [...lines, '"vifguard check" says what to do'].join('\n');
}
