/** How often something is put right at once before it has to wait. */
const AT_ONCE = 10;
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** What has stayed right for so long is put right at once again. */
const FORGOTTEN_MS = 60_000;

/**
 * How long to leave things as they are that somebody undoes again and again: two programs that fight at
 * full speed would stop each other and the host. Times are in milliseconds, of any clock.
 */
export class Patience {
  readonly #past = new Map<string, { readonly count: number; readonly last: number }>();

  /** How long to wait before the subject is put right once more; 0 is at once. */
  wait(subject: string, now: number): number {
    const { count, last } = this.#past.get(subject) ?? { count: 0, last: 0 };
    if (count < AT_ONCE || now - last > FORGOTTEN_MS) return 0;
    const pause = Math.min(SHORTEST_WAIT_MS * 2 ** (count - AT_ONCE), LONGEST_WAIT_MS);
    return Math.max(0, last + pause - now);
  }

  /** Notes that the subject has been put right. */
  restored(subject: string, now: number): void {
    const { count, last } = this.#past.get(subject) ?? { count: 0, last: now };
    this.#past.set(subject, { count: now - last > FORGOTTEN_MS ? 1 : count + 1, last: now });
  }
}
