import { BRIDGE_MUTANTS, UNOBSERVABLE_IN_THE_BRIDGE } from './bridge-mutants.ts';
import { HOST_MUTANTS, UNOBSERVABLE_IN_THE_HOST } from './host-mutants.ts';
import type { Mutant, Unobservable } from './mutant.ts';
import { RULE_MUTANTS } from './rule-mutants.ts';

/** Every protection that `make mutants` takes out. */
export const MUTANTS: readonly Mutant[] = [...RULE_MUTANTS, ...BRIDGE_MUTANTS, ...HOST_MUTANTS];

/** What it leaves in. */
export const UNOBSERVABLE: readonly Unobservable[] = [
  ...UNOBSERVABLE_IN_THE_BRIDGE,
  ...UNOBSERVABLE_IN_THE_HOST,
];
