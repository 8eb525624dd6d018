import { mapTables, type Tables } from './chains.ts';
import { HOOKS } from './host-chains.ts';
import type { Batch, Present } from './restore.ts';
import { chainsOf, type SavedTables } from './tools.ts';

export interface HostChange {
  /** All chains that there should be. */
  readonly tables: Tables;
  /** What the kernel holds, and what of it is ours. */
  readonly actual: SavedTables;
  readonly present: Present;
  /** What the tools would list of `tables`; undefined where all of them are to be written. */
  readonly expected: SavedTables | undefined;
}

/** What makes the kernel's tables those of a host: chains that are as they should be keep their counters. */
export function hostBatch({ tables, actual, present, expected }: HostChange): Batch {
  const chains = mapTables((name) => present.chains[name].filter((chain) => !tables[name].has(chain)));
  return {
    tables: expected === undefined ? tables : differing(tables, actual, expected),
    present: { ...present, chains },
    hooked: true,
  };
}

function differing(tables: Tables, actual: SavedTables, expected: SavedTables): Tables {
  return mapTables((name) => {
    const [have, want] = [chainsOf(actual[name]), chainsOf(expected[name])];
    return new Map([...tables[name]].filter(([chain]) => !isSame(have.get(chain), want.get(chain))));
  });
}

function isSame(have: readonly string[] | undefined, want: readonly string[] | undefined): boolean {
  return want !== undefined && have?.join('\n') === want.join('\n');
}

/** What of ours the kernel holds. */
export function presentIn(actual: SavedTables): Present {
  return {
    chains: mapTables((name) => [...chainsOf(actual[name]).keys()]),
    hooks: HOOKS.map(
      ({ table, chain, rule }) => actual[table].filter((line) => line === `-A ${chain} ${rule}`).length,
    ),
  };
}
