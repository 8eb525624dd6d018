import { VifguardError } from '../errors.ts';

/** xl kills a hotplug script after 40 s (libxl_internal.h, LIBXL_HOTPLUG_TIMEOUT). */
const BUDGET_MS = 30_000;

/** The time an event may take, counted from the start of the process. */
export class Deadline {
  constructor(private readonly budgetMs = BUDGET_MS) {}

  /** Milliseconds left; never less than 1. */
  get remainingMs(): number {
    return Math.max(1, this.budgetMs - performance.now());
  }

  /** @throws VifguardError once the time is over. */
  check(step: string): void {
    if (performance.now() < this.budgetMs) return;
    throw new VifguardError(
      `no time left for "${step}": ${this.budgetMs / 1000} s are over; the host is overloaded`,
    );
  }
}
