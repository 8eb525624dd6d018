import { BACKENDS } from '../../src/backends/names.ts';
import { Lab } from '../lab/lab.ts';
import { startWatcher } from '../watch/watcher.ts';
import { Crowd, writeDomainConfig } from './crowd.ts';
import { type EventCosts, measureEvents } from './event-time.ts';

/** What one event costs while `vifguard watch` runs, beside the same by another script. */
export interface WatchedRounds {
  readonly backend: string;
  readonly guests: number;
  readonly rounds: readonly { readonly peer: EventCosts; readonly ours: EventCosts }[];
}

export interface WatchedOptions {
  /** The other script. */
  readonly peer: string;
  /** How many guests are there. */
  readonly crowds: readonly number[];
  readonly rounds: number;
}

/** Rounds that are not counted: a resident program's first events run code that V8 has not compiled yet. */
const WARM_UP = 5;

/** Measures events that a watch handles, with each backend, in turn with another script's. */
export async function measureWatched({ peer, crowds, rounds }: WatchedOptions): Promise<WatchedRounds[]> {
  const results: WatchedRounds[] = [];
  for (const backend of BACKENDS) {
    const lab = await Lab.open({ backend });
    const crowd = await Crowd.start(lab);
    try {
      await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]`);
      // vif-bridge wants a place for its log.
      await lab.dom0.namespace.run('sh', ['-c', 'mount -t tmpfs tmpfs /var/log && mkdir /var/log/xen']);
      const visitor = await lab.guest({ domid: 1648, ip: '192.0.2.44 2001:db8:0:ffff::44' });
      await writeDomainConfig(lab, visitor.vif);
      await startWatcher(lab);
      for (const guests of crowds) {
        await crowd.growTo(guests);
        const measured: { peer: EventCosts; ours: EventCosts }[] = [];
        while (measured.length < WARM_UP + rounds) {
          measured.push({
            peer: await measureEvents(visitor, peer),
            ours: await measureEvents(visitor, lab.script),
          });
        }
        results.push({ backend, guests, rounds: measured.slice(WARM_UP) });
      }
    } finally {
      await crowd.stop();
      await lab.stop();
    }
  }
  return results;
}
