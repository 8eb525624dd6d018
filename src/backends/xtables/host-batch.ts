import { mapTables, type Tables } from './chains.ts';
import { HOOKS } from './host-chains.ts';
import { type Batch, NOTHING_PRESENT, type Present } from './restore.ts';
import { chainsOf, type SavedTables } from './tools.ts';

export interface HostChange {
  /** All chains that there should be. */
  readonly tables: Tables;
  /** What the kernel holds. */
  readonly actual: SavedTables;
  /** What the tools would list of `tables`; undefined where all of them are to be written. */
  readonly expected: SavedTables | undefined;
}

/** Everything, into tables that hold nothing of ours. */
export function firstBatch(tables: Tables): Batch {
  return { tables, present: NOTHING_PRESENT, hooked: true };
}

/** What makes the kernel's tables those of a host: chains that are as they should be keep their counters. */
export function hostBatch({ tables, actual, expected }: HostChange): Batch {
  const present = presentIn(actual);
  return {
    tables: mapTables((name) => {
      const have = chainsOf(actual[name]);
      const want = expected === undefined ? undefined : chainsOf(expected[name]);
      const isRight = (chain: string) => want?.has(chain) && isSame(have.get(chain), want.get(chain));
      return new Map([...tables[name]].filter(([chain]) => !isRight(chain)));
    }),
    present: {
      ...present,
      chains: mapTables((name) => present.chains[name].filter((chain) => !tables[name].has(chain))),
    },
    hooked: true,
  };
}

function isSame(have: readonly string[] | undefined, want: readonly string[] | undefined): boolean {
  return have?.join('\n') === want?.join('\n');
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
