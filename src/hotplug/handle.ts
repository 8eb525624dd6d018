import { describeError, VifguardError } from '../errors.ts';
import type { Means } from '../port/means.ts';
import { parseEvent } from './event.ts';
import { offline } from './offline.ts';
import { online } from './online.ts';

/** How the script ends, for xl. */
export interface EventResult {
  readonly exitCode: number;
  /** For stderr: why it failed. */
  readonly message?: string;
}

/** Handles what xl passes: its arguments and its environment. Throws nothing. */
export async function handle(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  means: Means,
): Promise<EventResult> {
  try {
    const event = parseEvent(argv, env);
    if (event === undefined) return { exitCode: 0 };
    return { exitCode: await (event.action === 'attach' ? online : offline)(event, means) };
  } catch (error) {
    const defect = error instanceof Error ? `defect: ${error.stack}` : `defect: ${String(error)}`;
    const message = error instanceof VifguardError ? describeError(error) : defect;
    return { exitCode: 1, message: `vif-guard: ${message}` };
  }
}
