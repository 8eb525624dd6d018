import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './error.ts';

/**
 * Asks `probe` again and again, until it gives something truthy.
 *
 * @throws LabError after `timeout` milliseconds; `what` completes the sentence "... did not happen".
 */
export async function poll<T>(
  what: string,
  probe: () => Promise<T> | T,
  timeout = 5000,
): Promise<NonNullable<T>> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new LabError(`${what} did not happen within ${timeout} ms`);
    await sleep(5);
  }
}
