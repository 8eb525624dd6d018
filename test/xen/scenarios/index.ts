import type { Scenario } from '../scenario.ts';
import { LIFE } from './life.ts';

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [...LIFE];
