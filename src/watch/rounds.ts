/** Does one round of work at a time, when it is due, and rests after one for as long as that says. */
export class Rounds {
  readonly #round: () => Promise<number>;
  #due: number | undefined;
  #restUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> | undefined;
  #stopped = false;

  /** @param round gives how long to rest after it, in milliseconds. */
  constructor(round: () => Promise<number>) {
    this.#round = round;
  }

  /** The next round begins in so many milliseconds at the latest, or with the end of the rest. */
  within(delayMs: number): void {
    const due = performance.now() + delayMs;
    if (this.#due !== undefined && this.#due <= due) return;
    this.#due = due;
    if (this.#current === undefined) this.#wait();
  }

  /** Ends once the round under way is done; none begins after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#current;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#due === undefined) return;
    const begin = Math.max(this.#due, this.#restUntil);
    this.#timer = setTimeout(() => {
      this.#current = this.#work();
    }, begin - performance.now());
  }

  async #work(): Promise<void> {
    this.#due = undefined;
    const restMs = await this.#round();
    this.#restUntil = performance.now() + restMs;
    this.#current = undefined;
    this.#wait();
  }
}
