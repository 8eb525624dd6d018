import { readFileSync } from 'node:fs';
import { VifguardError } from '../errors.ts';

/** xl kills a hotplug script after 40 s (libxl_internal.h, LIBXL_HOTPLUG_TIMEOUT). */
const BUDGET_MS = 30_000;

/** What is left of those 40 s, in milliseconds, for closing the port when the budget is over. */
const RESERVE_MS = 8_000;

/** The time that one event may take. */
export interface Deadline {
  /** Milliseconds left for attaching; never less than 1. */
  readonly remainingMs: number;
  /** Milliseconds left for closing a port; never less than 1. */
  readonly closingMs: number;
  /** @throws VifguardError once the time for attaching is over. */
  check(step: string): void;
}

/** @param ageMs how long ago xl called, in milliseconds. */
export function eventDeadline(ageMs: number): Deadline {
  const start = performance.now() - ageMs;
  const left = (budget: number) => Math.max(1, start + budget - performance.now());
  return {
    get remainingMs() {
      return left(BUDGET_MS);
    },
    get closingMs() {
      return left(BUDGET_MS + RESERVE_MS);
    },
    check(step) {
      if (performance.now() < start + BUDGET_MS) return;
      throw new VifguardError(
        `no time left for "${step}": ${BUDGET_MS / 1000} s are over; see what slows down dom0`,
      );
    },
  };
}

/** Ticks of proc(5) in a second: USER_HZ, which is the same everywhere. */
const TICKS = 100;

/** How long ago this process was made, in milliseconds: what it was before it became node counts, too. */
export function processAgeMs(): number {
  const [uptime = '0'] = readFileSync('/proc/uptime', 'latin1').split(' ');
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // From the third field on: the second, the name, may hold anything.
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return Math.max(0, (Number(uptime) - Number(startTime) / TICKS) * 1000);
}
