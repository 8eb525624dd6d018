import type { PortChange } from '../backend.ts';
import { type Chains, mapTables } from './chains.ts';
import { tablesOf } from './host-chains.ts';
import { type Batch, HOOKED_ONCE } from './restore.ts';

/**
 * What a change of one port has to write.
 *
 * A port that is added while nobody has touched the tables needs little: chains of its own, and rules at
 * the end of others. That spares most of the work: to replace rules, the tools first read them, and then
 * wait until the kernel has released the old ones.
 *
 * @param untouched whether the tables are known to be as they should be for the host before.
 */
export function portBatch(change: PortChange, untouched: boolean): Batch {
  const { port, before, after } = change;
  const old = tablesOf(before, port);
  const wanted = tablesOf(after, port);
  const gone = mapTables((name) => [...old[name].keys()].filter((chain) => !wanted[name].has(chain)));
  // A killed attach has left a record, and perhaps only some of its chains.
  if (!untouched || (before.ports.has(port) && after.ports.has(port))) {
    return { tables: wanted, present: { chains: gone, hooks: HOOKED_ONCE }, hooked: true };
  }
  const parts = mapTables((name) => compare(old[name], wanted[name]));
  return {
    tables: mapTables((name) => parts[name].written),
    appended: mapTables((name) => parts[name].appended),
    present: { chains: gone, hooks: [] },
    hooked: false,
  };
}

/** What differs: chains to write, and what only has to be added to others. */
function compare(there: Chains, wanted: Chains): { written: Chains; appended: Chains } {
  const written = new Map<string, readonly string[]>();
  const appended = new Map<string, readonly string[]>();
  for (const [chain, rules] of wanted) {
    const known = there.get(chain);
    const goesOn = known?.every((rule, index) => rule === rules[index]) ?? false;
    if (known === undefined || !goesOn || known.length > rules.length) written.set(chain, rules);
    else if (known.length < rules.length) appended.set(chain, rules.slice(known.length));
  }
  return { written, appended };
}
