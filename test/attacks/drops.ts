import type { Reason } from '../../src/rules/reason.ts';
import type { Lab } from '../lab/lab.ts';

/** Frames dropped since the tables were made, by reason. */
export type Drops = Readonly<Partial<Record<Reason, number>>>;

/** A direction of a port: `vg-in:vif1.0` and what else judges frames from it, or `vg-out:vif1.0`. */
export type Direction = 'from' | 'to';

const ROOTS = { from: ['vg-in', 'vg-nd', 'vg-dom0', 'vg-unf'], to: ['vg-out'] } as const;

const PROGRAM = ['ebtables-save -c', 'ip6tables-save -c -t raw'].join('; ');

const RULE = /^\[(\d+):\d+\] -A (vg-[a-z0-9]+)(\S*) .*-[jg] vg-drop:(\S+)$/;

/** What the guards have dropped in a direction, of all ports together. */
export async function readDrops(lab: Lab, direction: Direction): Promise<Drops> {
  return lab.backend === 'nftables' ? nftablesDrops(lab, direction) : xtablesDrops(lab, direction);
}

async function xtablesDrops(lab: Lab, direction: Direction): Promise<Drops> {
  const output = await lab.dom0.namespace.run('sh', ['-c', PROGRAM]);
  const roots: readonly string[] = ROOTS[direction];
  const drops: Record<string, number> = {};
  for (const line of output.split('\n')) {
    const [, packets, root = '', , reason = ''] = RULE.exec(line) ?? [];
    if (roots.includes(root)) drops[reason] = (drops[reason] ?? 0) + Number(packets);
  }
  return drops;
}

interface ListedSet {
  readonly name: string;
  readonly elem?: readonly { readonly elem?: { readonly counter?: { readonly packets: number } } }[];
}

/** A set of counters by port for each reason: `drop/from/arp-spoof`. */
async function nftablesDrops(lab: Lab, direction: Direction): Promise<Drops> {
  const { stdout } = await lab.exec('nft', ['-j', 'list', 'table', 'bridge', 'vifguard']);
  const { nftables }: { nftables: { set?: ListedSet }[] } = JSON.parse(stdout || '{ "nftables": [] }');
  const counts = nftables.flatMap(({ set }) => {
    const [, way, reason = ''] = /^drop\/(from|to)\/(.+)$/.exec(set?.name ?? '') ?? [];
    const packets = (set?.elem ?? []).map(({ elem }) => elem?.counter?.packets ?? 0);
    return way === direction ? [[reason, packets.reduce((sum, count) => sum + count, 0)]] : [];
  });
  return Object.fromEntries(counts);
}

/** The drops that have come in between, without those of which there are none. */
export function dropsSince(before: Drops, after: Drops): Drops {
  const reasons = Object.keys(after) as Reason[];
  const counts = reasons.map((reason) => [reason, (after[reason] ?? 0) - (before[reason] ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
