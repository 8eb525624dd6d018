/** What has been done, and how to take it back. */
export interface Step {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** Runs when a later step fails, and when this one fails half way: fine when there is nothing to undo. */
  readonly undo?: () => Promise<void>;
}

/** Called before each step, to stop between two of them: the deadline, or a test. */
export type Checkpoint = (step: string) => void;

/**
 * Runs steps in order. When one fails, it and those before it are undone, last first; an undo that
 * fails does not keep the others from running, and is reported with the failure.
 *
 * @throws what the failing step threw; an AggregateError of that and the failed undos.
 */
export async function runSteps(steps: readonly Step[], checkpoint: Checkpoint): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      checkpoint(step.name);
      begun.push(step);
      await step.run();
    }
  } catch (error) {
    const failures = await undoAll(begun.reverse());
    throw failures.length === 0 ? error : new AggregateError([error, ...failures], String(error));
  }
}

async function undoAll(steps: readonly Step[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const { undo } of steps) {
    await undo?.().catch((error: unknown) => failures.push(error));
  }
  return failures;
}
