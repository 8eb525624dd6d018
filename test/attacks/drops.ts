import type { Reason } from '../../src/rules/reason.ts';
import type { Lab } from '../lab/lab.ts';

/** Frames dropped since the tables were made, by reason. */
export type Drops = Readonly<Partial<Record<Reason, number>>>;

/** A direction of a port: `vg-in:vif1.0` and what else judges frames from it, or `vg-out:vif1.0`. */
export type Direction = 'from' | 'to';

const ROOTS = { from: ['vg-in', 'vg-nd', 'vg-dom0', 'vg-unf'], to: ['vg-out'] } as const;

const PROGRAM = ['ebtables-save -c', 'ip6tables-save -c -t raw'].join('; ');

const RULE = /^\[(\d+):\d+\] -A (vg-[a-z0-9]+)(\S*) .*-[jg] vg-x:(\S+)$/;

/** What the guards have dropped in a direction, of all ports together. */
export async function readDrops(lab: Lab, direction: Direction): Promise<Drops> {
  const output = await lab.dom0.namespace.run('sh', ['-c', PROGRAM]);
  const roots: readonly string[] = ROOTS[direction];
  const drops: Record<string, number> = {};
  for (const line of output.split('\n')) {
    const [, packets, root = '', , reason = ''] = RULE.exec(line) ?? [];
    if (roots.includes(root)) drops[reason] = (drops[reason] ?? 0) + Number(packets);
  }
  return drops;
}

/** The drops that have come in between, without those of which there are none. */
export function dropsSince(before: Drops, after: Drops): Drops {
  const reasons = Object.keys(after) as Reason[];
  const counts = reasons.map((reason) => [reason, (after[reason] ?? 0) - (before[reason] ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
