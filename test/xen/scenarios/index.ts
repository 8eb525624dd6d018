import type { Scenario } from '../scenario.ts';
import { ATTACKS } from './attacks.ts';
import { CONFIG } from './config.ts';
import { FLUSH } from './flush.ts';
import { LIFE } from './life.ts';
import { MANY } from './many.ts';

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [...LIFE, ATTACKS, ...CONFIG, ...MANY, FLUSH];
