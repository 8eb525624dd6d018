import { REASONS, type Reason } from '../../rules/reason.ts';
import type { Drift, Drops, GuardedHost } from '../backend.ts';
import { ruleDrift } from '../rule-drift.ts';
import { PATIENT_MS } from '../tool.ts';
import { NO_TABLES, ROOT, TABLES, type TableName } from './chains.ts';
import { HOOKS, hostTables } from './host-chains.ts';
import { chainsOf, readTables, rehearse, type SavedTables } from './tools.ts';

/**
 * How the kernel's tables differ from what they should hold. Both are compared as the tools list them, so that
 * spelling makes no difference.
 */
export async function readDrift(host: GuardedHost | undefined): Promise<readonly Drift[]> {
  const tables = host === undefined ? NO_TABLES : hostTables(host);
  const [actual, expected] = await Promise.all([
    readTables(),
    rehearse({ tables, hooked: host !== undefined, timeoutMs: PATIENT_MS }),
  ]);
  return [...TABLES.flatMap((table) => chainDrift(table, actual, expected)), ...hookDrift(actual, expected)];
}

function chainDrift(table: TableName, actual: SavedTables, expected: SavedTables): Drift[] {
  const [have, want] = [chainsOf(actual[table]), chainsOf(expected[table])];
  const missing = [...want.keys()].filter((chain) => !have.has(chain));
  const unexpected = [...have.keys()].filter((chain) => !want.has(chain));
  const chains = (kind: Drift['kind'], names: readonly string[]) =>
    names.map((chain) => ofPort(chain, { where: table, kind, what: `chain ${chain}` }));
  return [
    ...chains('missing', missing),
    ...chains('unexpected', unexpected),
    ...[...want].flatMap(([chain, rules]) =>
      have.has(chain)
        ? ruleDrift({
            where: `${table} ${chain}`,
            have: sortPorts(have.get(chain) ?? []),
            want: sortPorts(rules),
          }).map((drift) => ofPort(chain, drift))
        : [],
    ),
  ];
}

/** The comparisons of a tree's node with names. */
const COMPARISON = / (?:-[io]|--physdev-in) \S+ (?:-j vg-|--limit )/;

/** A node lists ports in the order in which they were added, which is not recorded and does not matter. */
function sortPorts(rules: readonly string[]): readonly string[] {
  const sorted = rules.filter((rule) => COMPARISON.test(rule)).sort();
  let next = 0;
  return rules.map((rule) => (COMPARISON.test(rule) ? (sorted[next++] ?? rule) : rule));
}

function ofPort(chain: string, drift: Drift): Drift {
  const port = portOf(chain);
  return port === undefined ? drift : { ...drift, ports: [port] };
}

/** A rule in front of our hook could accept what we would drop. */
function hookDrift(actual: SavedTables, expected: SavedTables): Drift[] {
  return HOOKS.flatMap(({ table, chain, rule, anywhere }): Drift[] => {
    const hook = `-A ${chain} ${rule}`;
    if (!expected[table].includes(hook)) return [];
    const rules = actual[table].filter((line) => line.startsWith(`-A ${chain} `));
    const where = `${table} ${chain}`;
    const at = rules.indexOf(hook);
    if (at < 0) return [{ where, kind: 'missing', what: hook }];
    if (anywhere) return [];
    return rules
      .slice(0, at)
      .map((line) => ({ where, kind: 'unexpected', what: `${line} (in front of ours)` }));
  });
}

export async function readPorts(): Promise<readonly string[]> {
  const tables = await readTables();
  const chains = TABLES.flatMap((table) => [...chainsOf(tables[table]).keys()]);
  return [...new Set(chains.flatMap((chain) => portOf(chain) ?? []))];
}

/** Every rule that a port's frames may meet in chains of its own. */
export async function readPortRules(port: string): Promise<string> {
  const tables = await readTables({ counters: true });
  const sections = TABLES.map((table) => {
    const own = [...chainsOf(tables[table])].filter(([chain]) => portOf(chain) === port);
    const lines = own.flatMap(([, rules]) => rules);
    return lines.length === 0 ? '' : `*${table}\n${lines.join('\n')}\n`;
  });
  return sections.join('');
}

export async function readDrops(): Promise<ReadonlyMap<string, Drops>> {
  const tables = await readTables({ counters: true });
  const drops = new Map<string, Record<string, number>>();
  for (const line of TABLES.flatMap((table) => tables[table])) {
    const drop = readDrop(line);
    if (drop === undefined || drop.packets === 0) continue;
    const counts = drops.get(drop.port) ?? {};
    counts[drop.reason] = (counts[drop.reason] ?? 0) + drop.packets;
    drops.set(drop.port, counts);
  }
  return drops;
}

const DROP = /^\[(\d+):\d+\] -A (vg-\S+) (.*)-[jg] vg-drop:(\S+)$/;

function readDrop(line: string): { port: string; reason: Reason; packets: number } | undefined {
  const [, packets, chain = '', match = '', reason = ''] = DROP.exec(line) ?? [];
  // Frames without their marks are told apart by a rule for each port, not by a chain.
  const port = chain.startsWith(ROOT.unfiltered) ? /^-i (\S+) $/.exec(match)?.[1] : portOf(chain);
  return port !== undefined && isReason(reason) ? { port, reason, packets: Number(packets) } : undefined;
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

/** The port that a chain is for: `vg-in:vif1.0/4.src`, and not the branch of a tree, `vg-in:vif1+`. */
function portOf(chain: string): string | undefined {
  return /^vg-(?:in|out|nd|dom0):([^+/]+)(?:\/|$)/.exec(chain)?.[1];
}
