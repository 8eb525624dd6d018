interface Hold<T> {
  readonly value: Promise<T>;
  users: number;
}

/** Something that many use at a time: open while it is used, and a while longer. */
export class Shared<T> {
  readonly #open: () => Promise<T>;
  readonly #close: (value: T) => unknown;
  readonly #idleMs: number;
  #current: Hold<T> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(open: () => Promise<T>, close: (value: T) => unknown, idleMs: number) {
    this.#open = open;
    this.#close = close;
    this.#idleMs = idleMs;
  }

  /** After an error, which it may be the cause of, the next use opens it anew. @throws what opening or `work` throws */
  async use<Result>(work: (value: T) => Promise<Result>): Promise<Result> {
    clearTimeout(this.#timer);
    const hold = this.#current ?? { value: this.#open(), users: 0 };
    this.#current = hold;
    hold.users += 1;
    try {
      return await work(await hold.value);
    } catch (error) {
      if (this.#current === hold) this.#current = undefined;
      throw error;
    } finally {
      hold.users -= 1;
      if (hold.users === 0) await this.#leave(hold);
    }
  }

  /** Closes it now, if nobody uses it. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const hold = this.#current;
    if (hold === undefined || hold.users > 0) return;
    this.#current = undefined;
    await this.#end(hold);
  }

  async #leave(hold: Hold<T>): Promise<void> {
    if (hold === this.#current) this.#timer = setTimeout(() => void this.close(), this.#idleMs);
    else await this.#end(hold);
  }

  async #end({ value }: Hold<T>): Promise<void> {
    const opened = await value.catch(() => undefined);
    if (opened !== undefined) await this.#close(opened);
  }
}
