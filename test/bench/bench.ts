import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { BackendName } from '../../src/backends/names.ts';
import type { Guest } from '../lab/guest.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import { XEN_ROOT } from '../lab/xenstored.ts';
import { Crowd, writeDomainConfig } from './crowd.ts';
import { EMPTY_NODE, type EventCosts, measure, measureEvents } from './event-time.ts';
import { type Summary, summarize } from './statistics.ts';
import { measureThroughput, prepareThroughput, type Throughput } from './throughput.ts';
import { measureWatched } from './watched.ts';

/** Xen's own hotplug script, as Debian ships it. */
const VIF_BRIDGE = join(XEN_ROOT, 'etc/xen/scripts/vif-bridge');

const EVENT_ROUNDS = 15;
const THROUGHPUT_ROUNDS = 15;

/** How many guests are there: attached by vifguard, one of them floods. */
const CROWDS = [1, 100, 1000] as const;

/** One thing measured both ways, round by round in turn, so that what disturbs the machine disturbs both. */
interface Comparison {
  readonly what: string;
  readonly guests: number;
  readonly unit: 'ms' | 'kpps';
  readonly peer: Summary;
  readonly ours: Summary;
}

function compare(
  label: Pick<Comparison, 'what' | 'guests' | 'unit'>,
  rounds: readonly { readonly peer: number; readonly ours: number }[],
): Comparison {
  return {
    ...label,
    peer: summarize(rounds.map(({ peer }) => peer)),
    ours: summarize(rounds.map(({ ours }) => ours)),
  };
}

async function repeat<T>(times: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) results.push(await run());
  return results;
}

async function compareEvents(visitor: Guest, backend: BackendName, guests: number): Promise<Comparison[]> {
  const rounds = await repeat(EVENT_ROUNDS, async () => ({
    peer: await measureEvents(visitor, VIF_BRIDGE),
    ours: await measureEvents(visitor, visitor.lab.script),
    node: await measure(visitor.lab, EMPTY_NODE),
  }));
  const times = ['wall', 'cpu'] as const;
  const events = (['online', 'offline'] as const).flatMap((event) =>
    times.map((time) => {
      const pick = (costs: EventCosts) => costs[event][time];
      const what = `${event}, ${backend}, ${time === 'cpu' ? 'CPU' : time} time`;
      const values = rounds.map(({ peer, ours }) => ({ peer: pick(peer), ours: pick(ours) }));
      return compare({ what, guests, unit: 'ms' }, values);
    }),
  );
  const empty = times.map((time) => {
    const what = `online, ${backend}, beside an empty node program, ${time === 'cpu' ? 'CPU' : time} time`;
    const values = rounds.map(({ node, ours }) => ({ peer: node[time], ours: ours.online[time] }));
    return compare({ what, guests, unit: 'ms' }, values);
  });
  return [...events, ...empty];
}

/** Events while `vifguard watch` runs; most of their CPU time is its, and not counted with the script's. */
async function compareWatched(): Promise<Comparison[]> {
  const measured = await measureWatched({ peer: VIF_BRIDGE, crowds: [1, 1000], rounds: EVENT_ROUNDS });
  return measured.flatMap(({ backend, guests, rounds }) =>
    (['online', 'offline'] as const).map((event) => {
      const what = `${event} with a watch, ${backend}, wall time`;
      const values = rounds.map(({ peer, ours }) => ({ peer: peer[event].wall, ours: ours[event].wall }));
      return compare({ what, guests, unit: 'ms' }, values);
    }),
  );
}

interface Ports {
  readonly unguarded: Guest;
  readonly guarded: Guest;
  readonly backend: BackendName;
  readonly guests: number;
}

async function compareThroughput({ unguarded, guarded, backend, guests }: Ports): Promise<Comparison[]> {
  const rounds = await repeat(THROUGHPUT_ROUNDS, async () => ({
    peer: await measureThroughput(unguarded),
    ours: await measureThroughput(guarded),
  }));
  return (['fromGuest', 'toGuest'] as const).map((direction) => {
    const pick = (throughput: Throughput) => throughput[direction] / 1000;
    const what = `64-byte packets ${direction === 'fromGuest' ? 'from' : 'to'} the guest, ${backend}`;
    const values = rounds.map(({ peer, ours }) => ({ peer: pick(peer), ours: pick(ours) }));
    return compare({ what, guests, unit: 'kpps' }, values);
  });
}

async function openLab(options: LabOptions): Promise<Lab> {
  const lab = await Lab.open(options);
  await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]`);
  // vif-bridge wants a place for its log.
  await lab.dom0.namespace.run('sh', ['-c', 'mount -t tmpfs tmpfs /var/log && mkdir /var/log/xen']);
  return lab;
}

/** A guest whose port the lab's script attaches: behind all others in their chains. */
async function attached(lab: Lab, domid: number): Promise<Guest> {
  const guest = await lab.guest({ domid, ip: `192.0.2.${domid % 200} 2001:db8:0:ffff::${domid % 200}` });
  const { exitCode, stderr } = await guest.online();
  if (exitCode !== 0) throw new Error(stderr);
  await prepareThroughput(guest);
  return guest;
}

async function compareBare(backend: BackendName): Promise<Comparison[]> {
  const lab = await openLab({ backend });
  const plainLab = await openLab({ script: VIF_BRIDGE });
  const crowd = await Crowd.start(lab);
  try {
    const visitor = await lab.guest({ domid: 1648, ip: '192.0.2.250 2001:db8:0:ffff::250' });
    await writeDomainConfig(lab, visitor.vif);
    const unguarded = await attached(plainLab, 1537);
    const results: Comparison[] = [];
    for (const [index, guests] of CROWDS.entries()) {
      await crowd.growTo(guests - 1);
      const guarded = await attached(lab, 1537 + index);
      if (guests !== 100) results.push(...(await compareEvents(visitor, backend, guests)));
      results.push(...(await compareThroughput({ unguarded, guarded, backend, guests })));
      await guarded.offline();
    }
    return results;
  } finally {
    await crowd.stop();
    await Promise.all([lab.stop(), plainLab.stop()]);
  }
}

async function report(results: readonly Comparison[]): Promise<void> {
  const table = new Table({
    head: ['', 'guests', 'without', 'vifguard', 'ratio'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { what, guests, unit, peer, ours } of [...results].sort((a, b) =>
    a.unit.localeCompare(b.unit),
  )) {
    const ratio = (ours.median / peer.median).toFixed(2);
    table.push([what, guests, `${show(peer)} ${unit}`, `${show(ours)} ${unit}`, ratio]);
  }
  console.log(table.toString());
  console.log('Without: vif-bridge, a port attached by it, or an empty node program. Medians (quartiles).');
  console.log(await machine());
}

function show({ median, quartiles: [low, high] }: Summary): string {
  return `${median.toFixed(0)} (${low.toFixed(0)}-${high.toFixed(0)})`;
}

async function machine(): Promise<string> {
  const [cpu] = cpus();
  const debian = (await readFile('/etc/debian_version', 'utf8')).trim();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: ${cpus().length} x ${cpu?.model.trim()}, ${memory} GiB; Debian ${debian}, Linux ${release()}, node ${process.version}`;
}

await report([
  ...(await compareBare('xtables')),
  ...(await compareBare('nftables')),
  ...(await compareWatched()),
]);
