import { quote } from '../address/quote.ts';
import { nearest } from '../config/did-you-mean.ts';
import { InputError } from '../errors.ts';
import { requireRoot } from '../host/host-state.ts';
import { monitor as monitorHost } from '../monitor/monitor.ts';
import type { Sighting } from '../monitor/sighting.ts';
import { guestName, type PortRecord, type Registry, readRegistry, stateDirectory } from '../port/registry.ts';
import { REASONS } from '../rules/reason.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import type { Terminals } from './program.ts';
import { printable, type Terminal } from './terminal.ts';

export interface MonitorOptions {
  readonly all: boolean;
  readonly json: boolean;
}

/** `vifguard monitor [VIF] [--all] [--json]`: a line for each dropped frame, until SIGTERM or SIGINT. */
export async function monitor(
  vif: string | undefined,
  { all, json }: MonitorOptions,
  { stdout, stderr }: Terminals,
): Promise<ExitCode> {
  requireRoot();
  const directory = stateDirectory();
  if (vif !== undefined) requireKnown(vif, readRegistry(directory));
  const report = json ? jsonReport(stdout) : textReport(stdout);
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());
  await monitorHost({
    directory,
    isWanted: (port, record, way) =>
      (all || way === 'from') && (vif === undefined || isMeant(vif, port, record)),
    onReady: () => stderr.print('dropped frames, as they come; Ctrl-C ends it'),
    ...report,
    onLost: () => stderr.print(`${stderr.paint('yellow', 'vifguard:')} too many at once: some are not shown`),
    signal: ending.signal,
  });
  return exitCodeOf(true);
}

/** By the names that `show` takes; a domain's name means all of its ports, those of its next start too. */
function isMeant(text: string, port: string, record: PortRecord | undefined): boolean {
  if (text === port || record === undefined) return text === port;
  const names = [record.domain, String(record.domid)].filter((name) => name !== undefined);
  return names.some((name) => text === name || text === `${name}/${record.handle}`);
}

/** @throws InputError for what no port or domain is called */
function requireKnown(text: string, { ports }: Registry): void {
  const entries = [...ports];
  if (entries.some(([port, record]) => isMeant(text, port, record))) return;
  const meant = nearest(
    text,
    entries.flatMap(([port, record]) => [port, guestName(record)]),
  );
  const hint = meant === undefined ? '' : `did you mean ${quote(meant)}? `;
  throw new InputError(`no guarded port is called ${quote(text)}; ${hint}"vifguard status" lists them`);
}

interface Report {
  onSighting(sighting: Sighting): void;
  onMore(sighting: Sighting, count: number): void;
}

/** `vif2.0 web2 · arp-spoof · claims 192.0.2.1 (gateway)`. */
function textReport(terminal: Terminal): Report {
  const print = ({ port, record, reason }: Sighting, words: string) => {
    const guest = record === undefined ? '' : ` ${guestName(record)}`;
    const parts = [printable(`${port}${guest}`), terminal.paint('red', reason), printable(words)];
    terminal.print(parts.join(' · '));
  };
  return {
    onSighting: (sighting) => print(sighting, sighting.words),
    onMore: (sighting, count) => print(sighting, `${count} more logged`),
  };
}

/** One object a line, as there may be any number. */
function jsonReport(terminal: Terminal): Report {
  const print = ({ port, record, way, reason }: Sighting, what: object) => {
    const guest = { domain: record?.domain ?? null, domid: record?.domid ?? null };
    const head = { time: new Date().toISOString(), port, ...guest, way, reason, meaning: REASONS[reason] };
    terminal.print(JSON.stringify({ ...head, ...what }));
  };
  return {
    onSighting: (sighting) => {
      const { words, claimed = null, holder = null, frame, octets } = sighting;
      print(sighting, { words, claimed, holder, frame, hex: octets.toString('hex'), more: null });
    },
    onMore: (sighting, more) =>
      print(sighting, { words: null, claimed: null, holder: null, frame: null, hex: null, more }),
  };
}
