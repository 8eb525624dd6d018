import { VifguardError } from '../errors.ts';

/** xl kills a hotplug script after 40 s (libxl_internal.h, LIBXL_HOTPLUG_TIMEOUT). */
const BUDGET_MS = 30_000;

/** What is left of those 40 s, in milliseconds, for closing the port when the budget is over. */
const RESERVE_MS = 8_000;

/** The time an event may take, counted from the start of the process. */
export const deadline = {
  /** Milliseconds left for attaching; never less than 1. */
  get remainingMs(): number {
    return Math.max(1, BUDGET_MS - performance.now());
  },

  /** Milliseconds left for closing a port; never less than 1. */
  get closingMs(): number {
    return Math.max(1, BUDGET_MS + RESERVE_MS - performance.now());
  },

  /** @throws VifguardError once the time for attaching is over. */
  check(step: string): void {
    if (performance.now() < BUDGET_MS) return;
    throw new VifguardError(
      `no time left for "${step}": ${BUDGET_MS / 1000} s are over; see what slows down dom0`,
    );
  },
};
