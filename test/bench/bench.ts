import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { BackendName } from '../../src/backends/names.ts';
import { parseWord } from '../../src/policy/vocabulary.ts';
import type { Guest } from '../lab/guest.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import { MANY_IPV4, MANY_IPV6 } from '../lab/many-addresses.ts';
import { XEN_ROOT } from '../lab/xenstored.ts';
import { Crowd, writeDomainConfig } from './crowd.ts';
import { EMPTY_NODE, type EventCosts, measure, measureEvents } from './event-time.ts';
import { Nwfilter } from './nwfilter.ts';
import { type Summary, summarize } from './statistics.ts';
import { measureThroughput, prepareThroughput, type Throughput } from './throughput.ts';
import { measureWatched } from './watched.ts';

/** Xen's own hotplug script, as Debian ships it. */
const VIF_BRIDGE = join(XEN_ROOT, 'etc/xen/scripts/vif-bridge');

const EVENT_ROUNDS = 15;
const THROUGHPUT_ROUNDS = 15;
/** With a thousand guests, either backend takes seconds for each. */
const FLUSH_ROUNDS = 3;
const FLUSH_MOST = 1000;
/** libvirt takes seconds for each. */
const NWFILTER_ROUNDS = 5;

/** How many guests are there: attached by vifguard, one of them floods. */
const CROWDS: Readonly<Record<BackendName, readonly number[]>> = {
  xtables: [1, 100, 1000],
  nftables: [1, 100, 1000, 4000],
};
/** Beyond it, libvirt takes a minute for each. */
const NWFILTER_MOST = 1000;
/** Sizes whose events are left out. */
const PACKETS_ONLY: readonly number[] = [100];
/** The crowd is numbered from 1. */
const FIRST_DOMID = 5537;

/** What can be measured by itself: make bench ONLY=events,watch */
const PARTS = ['events', 'packets', 'nwfilter', 'watch'] as const;
type Part = (typeof PARTS)[number];

const wanted = (process.argv[2] || PARTS.join()).split(',').map((word) => parseWord(word, PARTS));
const does = (part: Part) => wanted.includes(part);

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
  const comparison = {
    ...label,
    peer: summarize(rounds.map(({ peer }) => peer)),
    ours: summarize(rounds.map(({ ours }) => ours)),
  };
  console.error(`${label.what}, ${label.guests} guests: ${ratio(comparison)}`);
  return comparison;
}

function ratio({ peer, ours }: Pick<Comparison, 'peer' | 'ours'>): string {
  return (ours.median / peer.median).toFixed(2);
}

async function repeat<T>(times: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) results.push(await run());
  return results;
}

interface Events {
  /** Comes and goes. */
  readonly visitor: Guest;
  /** The backend, and what else is special. */
  readonly with: string;
  readonly guests: number;
}

async function compareEvents({ visitor, with: label, guests }: Events): Promise<Comparison[]> {
  const rounds = await repeat(EVENT_ROUNDS, async () => ({
    peer: await measureEvents(visitor, VIF_BRIDGE),
    ours: await measureEvents(visitor, visitor.lab.script),
    node: await measure(visitor.lab, EMPTY_NODE),
  }));
  const times = ['wall', 'cpu'] as const;
  const events = (['online', 'offline'] as const).flatMap((event) =>
    times.map((time) => {
      const pick = (costs: EventCosts) => costs[event][time];
      const what = `${event}, ${label}, ${time === 'cpu' ? 'CPU' : time} time`;
      const values = rounds.map(({ peer, ours }) => ({ peer: pick(peer), ours: pick(ours) }));
      return compare({ what, guests, unit: 'ms' }, values);
    }),
  );
  const empty = times.map((time) => {
    const what = `online, ${label}, beside an empty node program, ${time === 'cpu' ? 'CPU' : time} time`;
    const values = rounds.map(({ node, ours }) => ({ peer: node[time], ours: ours.online[time] }));
    return compare({ what, guests, unit: 'ms' }, values);
  });
  return [...events, ...empty];
}

/** The first event after somebody has flushed all tables: it writes the rules of every port. */
async function compareFlushed({ visitor, with: label, guests }: Events): Promise<Comparison> {
  const rounds = await repeat(FLUSH_ROUNDS, async () => {
    const peer = (await measureEvents(visitor, VIF_BRIDGE)).online.wall;
    await visitor.lab.dom0.namespace.run('/usr/sbin/nft', ['flush', 'ruleset']);
    return { peer, ours: (await measureEvents(visitor, visitor.lab.script)).online.wall };
  });
  return compare({ what: `online after nft flush ruleset, ${label}, wall time`, guests, unit: 'ms' }, rounds);
}

/** libvirt's filtering of a port that is on its bridge, beside all that vifguard does for one. */
async function compareNwfilter(nwfilter: Nwfilter, events: Events): Promise<Comparison> {
  const { visitor, with: label, guests } = events;
  const rounds = await repeat(NWFILTER_ROUNDS, async () => ({
    peer: (await nwfilter.rebind()).wall,
    ours: (await measureEvents(visitor, visitor.lab.script)).online.wall,
  }));
  return compare(
    { what: `online, ${label}, beside libvirt's nwfilter, wall time`, guests, unit: 'ms' },
    rounds,
  );
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
  /** By the name of what guards them. */
  readonly guarded: ReadonlyMap<string, Guest>;
  readonly guests: number;
}

async function compareThroughput({ unguarded, guarded, guests }: Ports): Promise<Comparison[]> {
  const rounds = await repeat(THROUGHPUT_ROUNDS, async () => {
    const peer = await measureThroughput(unguarded);
    const ours = new Map<string, Throughput>();
    for (const [name, guest] of guarded) ours.set(name, await measureThroughput(guest));
    return { peer, ours };
  });
  return [...guarded.keys()].flatMap((name) =>
    (['fromGuest', 'toGuest'] as const).map((direction) => {
      const pick = (throughput: Throughput | undefined) => (throughput?.[direction] ?? Number.NaN) / 1000;
      const what = `64-byte packets ${direction === 'fromGuest' ? 'from' : 'to'} the guest, ${name}`;
      const values = rounds.map(({ peer, ours }) => ({ peer: pick(peer), ours: pick(ours.get(name)) }));
      return compare({ what, guests, unit: 'kpps' }, values);
    }),
  );
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

/** A guest with a thousand addresses. */
async function compareManyAddresses(lab: Lab, backend: BackendName): Promise<Comparison[]> {
  const addresses = [...MANY_IPV4, ...MANY_IPV6];
  const visitor = await lab.guest({ domid: FIRST_DOMID - 2 });
  const config = `name = '${visitor.name}'\nvif = [ 'mac=${visitor.mac}' ]\nvifguard = [ 'ip=${addresses.join(' ')}' ]\n`;
  await lab.writeFile(`${visitor.name}.cfg`, config);
  return await compareEvents({ visitor, with: `${backend}, ${addresses.length} addresses`, guests: 1 });
}

async function compareBare(backend: BackendName): Promise<Comparison[]> {
  const labs = [
    await openLab({ backend }),
    await openLab({ script: VIF_BRIDGE }),
    await openLab({ script: VIF_BRIDGE }),
  ] as const;
  const [lab, plainLab, libvirtLab] = labs;
  const crowd = await Crowd.start(lab);
  try {
    const visitor = await lab.guest({ domid: FIRST_DOMID - 1, ip: '192.0.2.250 2001:db8:0:ffff::250' });
    await writeDomainConfig(lab, visitor.vif);
    const unguarded = await attached(plainLab, FIRST_DOMID);
    const nwfilter = does('nwfilter')
      ? await Nwfilter.start(await attached(libvirtLab, FIRST_DOMID))
      : undefined;
    const results = does('events') ? await compareManyAddresses(lab, backend) : [];
    for (const [index, guests] of CROWDS[backend].entries()) {
      await crowd.growTo(guests - 1);
      const guarded = new Map<string, Guest>([[backend, await attached(lab, FIRST_DOMID + index)]]);
      const events = { visitor, with: backend, guests };
      if (does('events') && !PACKETS_ONLY.includes(guests)) {
        results.push(...(await compareEvents(events)));
        if (guests <= FLUSH_MOST) results.push(await compareFlushed(events));
      }
      if (nwfilter !== undefined && guests <= NWFILTER_MOST) {
        await nwfilter.growTo(guests - 1);
        results.push(await compareNwfilter(nwfilter, events));
        guarded.set("libvirt's nwfilter", nwfilter.guest);
      }
      if (does('packets')) results.push(...(await compareThroughput({ unguarded, guarded, guests })));
      await guarded.get(backend)?.offline();
    }
    return results;
  } finally {
    await crowd.stop();
    await Promise.all(labs.map((each) => each.stop()));
  }
}

async function report(results: readonly Comparison[]): Promise<void> {
  const table = new Table({
    head: ['', 'guests', 'without', 'with', 'ratio'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const comparison of [...results].sort((a, b) => a.unit.localeCompare(b.unit))) {
    const { what, guests, unit, peer, ours } = comparison;
    table.push([what, guests, `${show(peer)} ${unit}`, `${show(ours)} ${unit}`, ratio(comparison)]);
  }
  console.log(table.toString());
  console.log(
    "Without vifguard: vif-bridge, a port attached by it, an empty node program, or libvirt's filter for it alone.",
  );
  console.log('Medians (quartiles).');
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
  ...(does('watch') ? await compareWatched() : []),
]);
